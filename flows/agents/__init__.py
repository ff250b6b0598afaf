"""The testbed's agents: who they are, how they stand, what they log, and their workflows."""
