"""Cases of one kind: `make test` tries the first of them, the slower tier all."""

from __future__ import annotations

from typing import Any

import pytest


def same(first: Any, *others: Any) -> list[Any]:
    """Cases with the same end: the first is tried each time, the others in the slower tier."""
    return [first, *slow(*others)]


def slow(*cases: Any) -> list[Any]:
    """Cases that only the slower tier tries; a tuple is one of several values."""
    return [pytest.param(*_values(each), marks=pytest.mark.slow) for each in cases]


def _values(case: Any) -> tuple[Any, ...]:
    return case if type(case) is tuple else (case,)
