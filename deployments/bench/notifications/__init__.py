"""Bench of notifications."""
