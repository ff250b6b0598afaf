"""What the capabilities' tools for assistants share: `api/<capability>/tools.py` declares them."""
