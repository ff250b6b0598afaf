"""What the demonstration hears of the live stream, from before it asks for something."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.monitor_api import StreamEvent, StreamFilter

_OPEN_SECONDS = 10.0


class NotHeard(ProdOpsError):
    """The live stream did not open, or did not report the end of what was asked for."""


class EndedBadly(ProdOpsError):
    """What was asked for failed."""


@contextmanager
def listening(
    api: monitor_api.MonitorApi,
    take: Callable[[StreamEvent], None],
    wanted: StreamFilter | None = None,
) -> Iterator[None]:
    """Let a thread `take` each event of the stream from now on.

    Raises:
        NotHeard: The stream did not open.
    """
    stream = api.follow(wanted)
    connected = threading.Event()

    def listen() -> None:
        for event in stream:
            if event.event == "connected":
                connected.set()
            take(event)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    if not connected.wait(_OPEN_SECONDS):
        raise NotHeard("the live stream did not open")
    try:
        yield
    finally:
        stream.close()
        thread.join(5)


class Heard:
    """The events that have come, in their order."""

    def __init__(self) -> None:
        self.queue: queue.Queue[StreamEvent] = queue.Queue()

    def about(self, seconds: float, **wanted: Any) -> Iterator[StreamEvent]:
        """The events whose fields are as wanted; as many as come within the time.

        Raises:
            NotHeard: The time is over.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self.queue.get(timeout=left)
            except queue.Empty:
                break
            if all(event.data.get(name) == value for name, value in wanted.items()):
                yield event
        raise NotHeard(f"the stream reported no end within {seconds:.0f} s")


@contextmanager
def heard(api: monitor_api.MonitorApi, msg_types: Sequence[str]) -> Iterator[Heard]:
    """What the stream says in messages of these types from now on."""
    news = Heard()
    with listening(api, news.queue.put, StreamFilter(msg_types=tuple(msg_types))):
        yield news


class Steps:
    """The steps of what is asked for now, as they are heard."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._rows: list[tuple[str, str, str]] = []

    def follow(
        self, events: Iterator[StreamEvent], what: str, *, failed: str, done: str
    ) -> StreamEvent:
        """Note the steps until the event `done`, and give that.

        Raises:
            EndedBadly: The event `failed` came.
            NotHeard: Nothing was heard of the end in time.
        """
        while (event := next(events)).event != done:
            if event.event == failed:
                raise EndedBadly(f"{what}: {event.data['reason']}")
            self.note(str(event.data["step"]), str(event.data["text"]))
        return event

    def note(self, step: str, text: str) -> None:
        """Note a step that is reached now."""
        self._rows.append((step, text, f"{(time.monotonic() - self._began) * 1000:.0f} ms"))

    def table(self, title: str) -> Table:
        """The steps as a table."""
        table = Table("step", "what", "after", title=title)
        for row in self._rows:
            table.add_row(*row)
        return table
