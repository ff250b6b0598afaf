"""The units of systemd that run each part of an installation, rendered from one declaration."""
