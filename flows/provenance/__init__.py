"""Provenance: what was produced of what was requested, as Rucio says."""
