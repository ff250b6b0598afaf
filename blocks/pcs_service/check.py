"""The check of a PCS: whether it answers us."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.checks import Check, of_paths
from blocks.pcs_service.configuration import PcsConfiguration


def checks(configuration: PcsConfiguration) -> Iterator[Check]:
    """The checks of the PCS and of our token there."""
    yield of_paths(configuration)
    yield Check("campaigns", lambda: _campaigns(configuration))


def _campaigns(configuration: PcsConfiguration) -> str:
    with configuration.service() as service:
        found = service.json("GET", "", resource="campaigns")
        number = len(found) if isinstance(found, list) else 0
        return f"{service.url} has {number} campaigns"
