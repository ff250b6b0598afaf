"""What is thought about payload logs, without any I/O."""
