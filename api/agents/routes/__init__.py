"""The routes of the agents' REST."""
