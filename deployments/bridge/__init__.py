"""The bridge between the message bus and the database."""
