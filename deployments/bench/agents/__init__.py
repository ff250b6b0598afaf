"""Benches of the agents' REST."""
