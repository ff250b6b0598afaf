"""The MCP server: the capabilities' tools, for assistants. It holds no credential."""
