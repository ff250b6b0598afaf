"""What AI assistants wrote about tasks, jobs, datasets and campaigns: kept, and shown as theirs."""
