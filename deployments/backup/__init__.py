"""Backups of both databases: made, verified, restored."""
