"""The table that the production team's hand script writes, for comparison."""
