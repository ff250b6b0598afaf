"""The inputs: which requested ones are registered at Rucio, and the registration of the others."""
