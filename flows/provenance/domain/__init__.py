"""What counts as produced of what was requested: pure, of values only."""
