"""The monitor's events for a command that waits: read by a thread, so that none is missed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from blocks.errors import ProdOpsError
from blocks.monitor_api import EventStream, StreamEvent, TokenRefused

_CONNECT_SECONDS: Final = 3.0


class EventReader:
    """What a stream has said since the reading began."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()

    def next(self, timeout_seconds: float) -> StreamEvent | None:
        """The next event; None where none came in time."""
        try:
            return self.events.get(timeout=timeout_seconds)
        except queue.Empty:
            return None


@contextmanager
def reading(
    stream: EventStream, *, report: Callable[[str], None], instead: str = "the monitor"
) -> Iterator[EventReader]:
    """The stream's events from now on; it is connected, where it can be, before this begins.

    It is waited for until events flow, or it is clear that they do not, or for three seconds.

    Args:
        stream: Not read yet.
        report: Called with a line where there are no events.
        instead: What the command asks where there are none.

    Raises:
        TokenRefused: The stream is not for us.
    """
    reader = EventReader()
    is_settled = threading.Event()
    refusals: list[TokenRefused] = []

    def read() -> None:
        try:
            for event in stream:
                is_settled.set()
                reader.events.put(event)
        except TokenRefused as refusal:
            refusals.append(refusal)
        except ProdOpsError as error:
            report(f"no events ({error}); {instead} is asked instead")
        is_settled.set()

    thread = threading.Thread(target=read, name="events", daemon=True)
    thread.start()
    try:
        is_settled.wait(_CONNECT_SECONDS)
        if refusals:
            raise refusals[0]
        yield reader
    finally:
        stream.close()
        thread.join(_CONNECT_SECONDS)
