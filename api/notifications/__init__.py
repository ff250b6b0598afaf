"""Notifications: what is told to whom, by which rules and watches, and what was told."""
