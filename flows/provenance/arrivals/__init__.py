"""Arrivals: the files that came to Rucio between two looks."""
