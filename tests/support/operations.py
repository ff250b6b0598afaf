"""The API's operations by name, found out when a test first asks for one: it takes seconds."""

from __future__ import annotations

from functools import cache

from deployments.bench.abuse.operations import Operation, all_operations


@cache
def by_name() -> dict[str, Operation]:
    """Every operation, by its method and path."""
    return {str(each): each for each in all_operations()}
