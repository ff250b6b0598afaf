"""Benches of the message bus."""
