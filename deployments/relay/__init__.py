"""The relay: Prefect's state changes as events, and domain events as events of Prefect."""
