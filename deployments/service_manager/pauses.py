"""Pauses between the rounds of a loop: settings make some longer than the watchdog's period."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_SLICE_SECONDS: Final = 5.0


async def is_set_within(event: asyncio.Event, seconds: float, goes_on: Callable[[], None]) -> bool:
    """Wait for an event that long; gives whether it came. `goes_on` is called meanwhile."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not event.is_set() and (left := until - clock()) > 0:
        if left < seconds - _SLICE_SECONDS / 2:  # it has waited before
            goes_on()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, _SLICE_SECONDS)):
                await event.wait()
    return event.is_set()


def is_set_in_thread_within(
    event: threading.Event, seconds: float, goes_on: Callable[[], None]
) -> bool:
    """The same for a thread."""
    until = time.monotonic() + seconds
    while not event.is_set() and (left := until - time.monotonic()) > 0:
        if left < seconds - _SLICE_SECONDS / 2:  # it has waited before
            goes_on()
        event.wait(min(left, _SLICE_SECONDS))
    return event.is_set()
