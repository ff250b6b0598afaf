"""Signals that a process handles for a while, or lets end it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handled(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Let `handler` take these signals; afterwards they do again what they did before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def end_within(seconds: float) -> None:
    """Let SIGALRM kill this process unless it ends in time: whatever hangs, it is started anew."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
