"""Flows that misbehave, for the guardian's tests; imported by dotted path in its processes."""
