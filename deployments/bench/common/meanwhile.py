"""What a bench does in a thread while it measures something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass


@contextmanager
def meanwhile(do: Callable[[], None], *, every_seconds: float) -> Iterator[None]:
    """Do something again and again, in a thread; an error ends that, and is raised at the end."""
    ended = threading.Event()

    def repeat() -> None:
        do()
        while not ended.wait(every_seconds):
            do()

    with ThreadPoolExecutor(1) as pool:
        repeating = pool.submit(repeat)
        try:
            yield
        finally:
            ended.set()
    repeating.result()


@dataclass
class Peak:
    """The largest value so far."""

    value: float = 0.0


@contextmanager
def peak_of(look: Callable[[], float], *, every_seconds: float) -> Iterator[Peak]:
    """Look at a value again and again, in a thread."""
    peak = Peak()

    def note() -> None:
        peak.value = max(peak.value, look())

    with meanwhile(note, every_seconds=every_seconds):
        yield peak
