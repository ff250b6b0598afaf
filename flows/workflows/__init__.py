"""Workflows of the testbed: what plays the data acquisition."""
