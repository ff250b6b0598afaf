"""A monitor's event stream, followed across every break.

Our monitor numbers its events and replays those after ``Last-Event-ID``; the original does neither.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_sse import EventSource, ServerSentEvent

from blocks.back_off import BackOff
from blocks.monitor_api.errors import MonitorUnavailable, RequestRefused, TokenRefused, check_answer

POSITION_UNKNOWN = "position_unknown"
CONTROL_EVENTS = frozenset({"connected", "heartbeat", POSITION_UNKNOWN})
_CONNECT_SECONDS = 10.0
_EVENT_NUMBER = re.compile(r"[0-9]{1,19}")
_MEDIA_TYPE = "text/event-stream"


@dataclass(frozen=True)
class StreamEvent:
    """One event: its number where the monitor numbers them, its type and its message."""

    id: int | None
    event: str
    data: dict[str, Any]


@dataclass(frozen=True)
class StreamFilter:
    """Which events are wanted; an empty part lets everything through."""

    msg_types: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    subject: str | None = None

    def params(self) -> dict[str, str]:
        """Give the query parameters that say so."""
        wanted = {name: value for name, value in vars(self).items() if value}
        return {
            name: value if isinstance(value, str) else ",".join(value)
            for name, value in wanted.items()
        }


@dataclass
class EventStream:
    """Iterates over a monitor's events for ever, until :meth:`close` or a refusal.

    Numbered events come once and in order. Of breaks, of frames that hold no JSON object, and of
    numbers that went back (the monitor has another database), ``report`` gets one line each; they
    are not the end, and what comes after them is given out.

    Raises (while iterating):
        TokenRefused: 401 or 403, at any connection.
        RequestRefused: the address holds no event stream, and never did.
    """

    client: httpx.Client
    url: str
    filter: StreamFilter = field(default_factory=StreamFilter)
    last_id: int | None = None
    report: Callable[[str], None] = lambda _line: None
    back_off: BackOff = field(default_factory=BackOff)
    silence_seconds: float = 75.0
    _is_closed: bool = field(default=False, init=False)
    _was_connected: bool = field(default=False, init=False)
    _failures: int = field(default=0, init=False)
    _socket: socket.socket | None = field(default=None, init=False)
    # Held until close(): a bare lock, since a signal handler may run close() inside a wait for it.
    _gate: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._gate.acquire()

    def __iter__(self) -> Iterator[StreamEvent]:
        while not self._is_closed:
            try:
                yield from self._connection()
                reason = "the monitor ended the stream"
            except TokenRefused:
                raise
            except RequestRefused as error:
                if not self._was_connected:
                    raise
                reason = str(error)  # a proxy says 404 while the monitor behind it restarts
            except httpx.ReadTimeout:
                seconds = f"{self.silence_seconds:g} s"
                reason = f"silent for {seconds}, without a heartbeat: the connection is dead"
            except (MonitorUnavailable, httpx.RequestError) as error:
                reason = str(error) or type(error).__name__
            self._pause(reason)

    def close(self) -> None:
        """End the iteration, a blocked read included; from any thread or signal handler."""
        if self._is_closed:
            return
        self._is_closed = True
        self._gate.release()
        if self._socket is not None:
            _shut_down(self._socket)

    def _pause(self, reason: str) -> None:
        if self._is_closed:
            return
        self._failures += 1
        pause_seconds = self.back_off.pause_seconds(self._failures)
        self.report(f"stream lost ({reason}); next try in {pause_seconds:.1f} s")
        if self._gate.acquire(timeout=pause_seconds):
            self._gate.release()

    def _connection(self) -> Iterator[StreamEvent]:
        timeout = httpx.Timeout(_CONNECT_SECONDS, read=self.silence_seconds)
        with self.client.stream(
            "GET", self.url, params=self._params(), headers=self._headers(), timeout=timeout
        ) as response:
            try:
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                if self._is_closed:  # close() came before there was a socket to shut down
                    return
                _check_stream(response)
                if self.last_id is None:  # where the stream stands, before its first event
                    self.last_id = _number(response.headers.get("x-last-event-id"))
                yield from self._events(response)
            finally:
                self._socket = None

    def _params(self) -> dict[str, str]:
        params = self.filter.params()
        if self.last_id is not None and not self._was_connected:
            params["after"] = str(self.last_id)
        return params

    def _headers(self) -> dict[str, str]:
        # A compressing proxy would hold events back until its buffer is full.
        headers = {
            "Accept": _MEDIA_TYPE,
            "Cache-Control": "no-cache",
            "Accept-Encoding": "identity",
        }
        if self.last_id is not None and self._was_connected:
            headers["Last-Event-ID"] = str(self.last_id)
        return headers

    def _events(self, response: httpx.Response) -> Iterator[StreamEvent]:
        for frame in frames_of(response):
            self._was_connected, self._failures = True, 0
            event = self._parse(frame)
            if event is not None and not self._is_closed and self._is_new(event):
                yield event
            if self._is_closed:
                return

    def _parse(self, frame: ServerSentEvent) -> StreamEvent | None:
        try:
            data = json.loads(frame.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            self.report(f"a {frame.event} event holds no JSON object: {frame.data[:80]!r}")
            return None
        # A frame without an id has that of the frame before (WHATWG); control frames have none.
        number = None if frame.event in CONTROL_EVENTS else _number(frame.id)
        return StreamEvent(number, frame.event, data)

    def _is_new(self, event: StreamEvent) -> bool:
        if event.event == POSITION_UNKNOWN:
            self._begin_anew(event.data)
            return False
        if event.id is None:
            return True
        if event.id == self.last_id:
            return False
        if self.last_id is not None and event.id < self.last_id:
            self.report(f"event {event.id} comes after {self.last_id}: the monitor numbers anew")
        self.last_id = event.id
        return True

    def _begin_anew(self, said: dict[str, Any]) -> None:
        self.last_id = _number(str(said.get("last_event_id")))
        self.report(f"the monitor says: {said.get('reason', 'it does not know the last event')}")


def frames_of(response: httpx.Response) -> Iterator[ServerSentEvent]:
    """The events of a stream as sent; one without data is none (WHATWG HTML, section 9.2)."""
    return (frame for frame in EventSource(response).iter_sse() if frame.data)


def _number(text: str | None) -> int | None:
    return int(text) if text and _EVENT_NUMBER.fullmatch(text) else None


def _check_stream(response: httpx.Response) -> None:
    if not response.is_success:
        response.read()
        check_answer(response)
    kind = response.headers.get("content-type", "nothing")
    if not kind.startswith(_MEDIA_TYPE):
        raise RequestRefused(response.status_code, f"{response.url} is {kind}, no event stream")


def _shut_down(open_socket: socket.socket) -> None:
    try:
        open_socket.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was faster, and the read ends all the same
        return
