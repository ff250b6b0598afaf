"""What takes minutes: a new user's machine, from set-up on. Not a part of `make test`."""
