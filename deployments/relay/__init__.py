"""The relay: Prefect's state changes as events."""
