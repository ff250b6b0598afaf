"""The bench `outage`: the database or Prefect, or what it knows, is gone under load."""
