"""The SQL of the agents' REST."""
