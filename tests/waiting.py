"""Waiting for what is to come true: on a busy machine, for as long as it may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 180.0
"""Seconds that anything may take; only what has failed takes so long."""

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float = PATIENCE, *, pause: float = 0.02) -> T:
    """What `condition` gives once it is true; an error when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s; last: {found!r}"
        time.sleep(pause)
    return found


def stays(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` is true all that time."""
    deadline = time.monotonic() + seconds
    while condition():
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False
