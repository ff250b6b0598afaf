"""What an event means, whom it concerns, and how a message says it. Pure."""
