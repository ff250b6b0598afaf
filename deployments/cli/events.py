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
    """Reads a stream in a thread of its own, from the moment of its making."""

    def __init__(self, stream: EventStream, report: Callable[[str], None], instead: str) -> None:
        self._stream = stream
        self._report = report
        self._instead = instead
        self._events: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()
        self._is_settled = threading.Event()
        self._refusal: TokenRefused | None = None
        self._thread = threading.Thread(target=self._read, name="events", daemon=True)
        self._thread.start()

    def await_connection(self) -> None:
        """Wait until events flow, or it is clear that they do not, or for three seconds.

        Raises:
            TokenRefused: The stream is not for us.
        """
        self._is_settled.wait(_CONNECT_SECONDS)
        if self._refusal is not None:
            raise self._refusal

    def next(self, timeout_seconds: float) -> StreamEvent | None:
        """The next event; None where none came in time."""
        try:
            return self._events.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the reading."""
        self._stream.close()
        self._thread.join(_CONNECT_SECONDS)

    def _read(self) -> None:
        try:
            for event in self._stream:
                self._is_settled.set()
                self._events.put(event)
        except TokenRefused as refusal:
            self._refusal = refusal
        except ProdOpsError as error:
            self._report(f"no events ({error}); {self._instead} is asked instead")
        self._is_settled.set()


@contextmanager
def reading(
    stream: EventStream, *, report: Callable[[str], None], instead: str = "the monitor"
) -> Iterator[EventReader]:
    """The stream's events from now on; it is connected, where it can be, before this begins.

    Args:
        stream: Not read yet.
        report: Is told where there are no events.
        instead: What the command asks where there are none.

    Raises:
        TokenRefused: The stream is not for us.
    """
    reader = EventReader(stream, report, instead)
    try:
        reader.await_connection()
        yield reader
    finally:
        reader.close()
