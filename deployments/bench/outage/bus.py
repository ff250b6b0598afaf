"""STFs that are announced on the bus: confirmed by the broker, or sent again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from blocks.closing import Closing
from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BrokerUnavailable
from blocks.message_broker.frames import Outgoing
from deployments.bench.common.stack import BenchStack, comes_true
from deployments.bench.messages.peers import Ear, access_of

_TAKEN_SECONDS = 5.0
_IN_INBOX = "SELECT count(*) FROM fastmon_inbox WHERE stf_filename = :name"


class BusSender(Closing):
    """A peer that announces STFs; its connection is made again when it broke."""

    def __init__(self, running: BenchStack) -> None:
        self._access: BrokerAccess = access_of(running.stack.settings)
        self._topic = running.stack.settings.bus.topic
        self._count: Callable[..., int] = running.count
        self._lock = threading.Lock()
        self._connection: BrokerConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def send(self, body: dict[str, Any], *, until_taken: bool) -> bool:
        """Send a message; gives whether it is accepted.

        Args:
            body: The message.
            until_taken: Whether the broker may lose what it confirmed: then prodops must have it.
        """
        message = Outgoing(
            destination=self._topic, body=json.dumps(body), headers={"persistent": "true"}
        )
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = BrokerConnection(self._access, Ear())
                    self._connection.open()
                self._connection.send_all([message])
            except BrokerUnavailable:
                self.close()
                return False
        return not until_taken or self._is_taken(body["filename"])

    def _is_taken(self, name: str) -> bool:
        return comes_true(lambda: self._count(_IN_INBOX, name=name) > 0, _TAKEN_SECONDS)
