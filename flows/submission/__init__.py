"""Submission of production tasks to PanDA: each intent becomes one task, and the record says so."""
