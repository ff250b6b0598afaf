"""What was said between a user and an AI assistant, for the assistant's next session."""
