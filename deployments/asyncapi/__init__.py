"""The description of every message in and out: AsyncAPI, and a page of tables."""
