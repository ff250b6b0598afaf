"""What the testbed's agents call: counters, heartbeats, logs, subscribers and workflows."""
