"""Bench of the MCP server."""
