"""The SQL of submission. A run fences what it writes; nothing commits here."""
