"""What is one's own: tasks, requests, watches, address and tokens."""
