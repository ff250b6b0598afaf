"""What assistants may ask of workflows."""
