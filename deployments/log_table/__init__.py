"""The log table: every part's log records beside those of the agents, to be searched."""
