"""The steps of the flows, each a task with its own retry policy.

Looking and writing are repeated through an outage. Sending is not: `reconciling` finds out what a
lost answer did.
"""
