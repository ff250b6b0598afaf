"""`/metrics`: what Prometheus scrapes, of this web process and of all that the database knows."""
