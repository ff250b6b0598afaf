"""Notifications, rules, watches and channels over REST."""
