"""Benches of submission: `submit`, and `chaos`."""
