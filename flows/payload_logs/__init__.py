"""Payload logs: fetched from storage on demand, checked, unpacked, and kept where the web reads."""
