"""Completion reports: made, compared with the one before, kept and mailed."""
