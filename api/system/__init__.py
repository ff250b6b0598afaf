"""The state of the whole system: its parts, agents, queues, and what was set aside."""
