"""The `prodops` command. Each subcommand imports what it needs when it runs, so that all are fast."""
