"""The pages of notifications and their rules."""
