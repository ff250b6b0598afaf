"""Alarms: what somebody should look at, told once when it begins and once when it is over."""
