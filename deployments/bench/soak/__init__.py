"""Bench of a whole stack under a mixed load for long."""
