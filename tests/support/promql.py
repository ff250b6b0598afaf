"""What a query of Prometheus reads, for tests: enough of PromQL for our own rules and panels."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SERIES = re.compile(r"(?<![\w:$])((?:prodops|process)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|on)\s*\(([\w, ]*)\)")
OF_PROMETHEUS = {"instance", "job", "le"}


def series(query: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics that a query reads, each with the labels that are compared."""
    for name, selected in _SERIES.findall(query):
        yield name, set(_MATCHER.findall(selected))


def grouped(query: str) -> set[str]:
    """The labels by which it groups or joins."""
    return {
        name.strip()
        for names in _GROUPED.findall(query)
        for name in names.split(",")
        if name.strip()
    }
