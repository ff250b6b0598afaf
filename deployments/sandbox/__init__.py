"""Doubles of the outside that a stack can run with: nothing here is needed in production."""
