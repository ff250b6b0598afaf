"""The root of every error that prodops raises on purpose."""

from __future__ import annotations


class ProdOpsError(Exception):
    """A fact that stops the work, said in one line: what is wrong and what to do."""


class OutsideUnavailable(ProdOpsError):
    """A service outside prodops (database, Prefect, broker) did not answer."""
