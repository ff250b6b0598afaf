"""What a workflow's run is made of: its messages in time, its parameters. Pure."""
