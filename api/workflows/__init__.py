"""Executions of workflows: listed, followed, started and stopped."""
