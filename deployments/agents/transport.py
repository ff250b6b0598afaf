"""How an agent's messages come and go: over REST and the stream here; a bus is another way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.stream import CONTROL_EVENTS, EventStream, StreamFilter

EPIC_TOPIC: Final = "/topic/epictopic"


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message that has come.

    Attributes:
        body: The message.
        position: Its place among all messages, where they are numbered.
    """

    body: dict[str, Any]
    position: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A message to send.

    Attributes:
        body: The message.
        destination: Where it goes on a bus.
        headers: What a bus sends along with it, by name.
    """

    body: dict[str, Any]
    destination: str = EPIC_TOPIC
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """What an agent needs of whatever carries its messages.

    Attributes:
        is_connected: Whether messages can come now.
        has_destinations: Whether messages go to their destinations alone, and not to everybody.
    """

    is_connected: bool
    has_destinations: bool

    def receive(
        self,
        msg_types: Collection[str],
        after: int | None,
        *,
        connected: Callable[[int | None], None],
    ) -> Iterator[Received]:
        """The messages after a position, or from now on, across every break, until `close`.

        Args:
            msg_types: Which are wanted.
            after: Where to begin.
            connected: Is called when messages can come, with the position at which they begin.
        """

    def settled(self, position: int) -> None:
        """Take note that all messages up to a position have been dealt with."""

    def send(self, message: Outgoing) -> None:
        """Send a message, once.

        Raises:
            OutsideUnavailable: Nobody took it, or nobody said so.
            ProdOpsError: It was refused.
        """

    def close(self) -> None:
        """End `receive`, also while it waits; from any thread or signal handler."""


@dataclass
class RestTransport:
    """The monitor's REST: messages by POST, and by its stream, which is followed by number."""

    api: AgentApi
    monitor: MonitorApi
    report: Callable[[str], None]
    is_connected: bool = False
    has_destinations: bool = False
    _stream: EventStream | None = None
    _is_closed: bool = False
    _is_away_said: bool = False

    def receive(
        self,
        msg_types: Collection[str],
        after: int | None,
        *,
        connected: Callable[[int | None], None],
    ) -> Iterator[Received]:
        """See `Transport`."""
        wanted = StreamFilter(msg_types=tuple(msg_types))
        self._stream = self.monitor.follow(wanted, after=after, report=self._lost)
        if self._is_closed:  # a signal came before there was a stream to close
            return
        for event in self._stream:
            if event.event == "connected":
                self.is_connected, self._is_away_said = True, False
                connected(self._stream.last_id)
            elif event.event not in CONTROL_EVENTS:
                yield Received(body=event.data, position=event.id)

    def settled(self, position: int) -> None:
        """See `Transport`; the monitor keeps every message, whoever has dealt with it."""

    def send(self, message: Outgoing) -> None:
        """See `Transport`; everybody sees it, and its destination says nothing."""
        self.api.send(message.body)

    def close(self) -> None:
        """See `Transport`."""
        self._is_closed = True
        if self._stream is not None:
            self._stream.close()

    def _lost(self, line: str) -> None:
        self.is_connected = False
        if not self._is_away_said:
            self.report(line)
        self._is_away_said = True
