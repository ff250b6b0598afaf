"""What the demonstration hears of the live stream, from before it asks for something."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from blocks import monitor_api
from blocks.errors import ProdOpsError

_OPEN_SECONDS = 10.0


class NotHeard(ProdOpsError):
    """The live stream did not open, or did not tell the end of what was asked for."""


class Heard:
    """The events that have come, in their order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[monitor_api.StreamEvent] = queue.Queue()

    def put(self, event: monitor_api.StreamEvent) -> None:
        """Take an event."""
        self._queue.put(event)

    def about(self, seconds: float, **wanted: Any) -> Iterator[monitor_api.StreamEvent]:
        """The events whose fields are as wanted; as many as come within the time.

        Raises:
            NotHeard: The time is over.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._queue.get(timeout=left)
            except queue.Empty:
                break
            if all(event.data.get(name) == value for name, value in wanted.items()):
                yield event
        raise NotHeard(f"the stream told no end within {seconds:.0f} s")


@contextmanager
def heard(api: monitor_api.MonitorApi, msg_types: Sequence[str]) -> Iterator[Heard]:
    """What the stream says in messages of these types from now on."""
    news = Heard()
    stream = api.follow(monitor_api.StreamFilter(msg_types=tuple(msg_types)))
    connected = threading.Event()

    def listen() -> None:
        for event in stream:
            if event.event == "connected":
                connected.set()
            news.put(event)

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    if not connected.wait(_OPEN_SECONDS):
        raise NotHeard("the live stream did not open")
    try:
        yield news
    finally:
        stream.close()
        listening.join(5)
