"""Notifications: what happened, told once to whom a rule or a watch names."""
