"""Messages of the bus: which were taken, which were set aside, and how far events are published."""
