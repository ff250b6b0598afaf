"""Keeping history to its age."""
