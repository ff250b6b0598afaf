"""The SQL of notifications. Nothing here commits."""
