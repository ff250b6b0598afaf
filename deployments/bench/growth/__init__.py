"""Benchmarks of how the database grows, and of what a year of it costs."""
