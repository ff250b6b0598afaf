"""Benches of the fast monitoring: sampling, and the live stream with a thousand clients."""
