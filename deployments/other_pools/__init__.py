"""Runs that other work pools' workers start: handed over to them, and held by their processes."""
