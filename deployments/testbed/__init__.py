"""The testbed of a user: its agents under a supervisor of their own, and workflows run on them."""
