"""Automations of Prefect that act on the domain events in its feed: files, and how they get there.

A file has the form of `prefect automation create --from-file`, but that it names deployments.
"""
