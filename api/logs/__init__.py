"""The page that log records are searched on."""
