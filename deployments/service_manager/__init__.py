"""What a part says to the service manager that started it: systemd, or whoever speaks its protocol.

Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5).
"""
