"""What assistants may ask of data taking and its files."""
