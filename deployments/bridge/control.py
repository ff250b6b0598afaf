"""`health_ping` and `shutdown`: answered at once, whatever else waits, and kept nowhere.

Source: ops contract section 1.13.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from blocks.errors import Invalid
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BrokerUnavailable
from blocks.message_broker.frames import PREFIXES, Delivery, Outgoing
from deployments.bridge.commands import require_namespace
from deployments.bridge.messages import Pong
from deployments.bridge.reading import Unusable
from flows.common.settings.bus import BusSettings
from flows.fastmon import schemas

_WORDS: Final = (b"health_ping", b"shutdown")
_MOST_BYTES: Final = 1 << 16

_log = structlog.get_logger("bridge")


@dataclass
class Control:
    """Answers control messages.

    Attributes:
        configured: The settings of the bus.
        agent_name: Who answers.
        pid: Of the unit that we are, or are a part of.
        is_shut_down: Set once `shutdown` was asked for, and acknowledged.
    """

    configured: BusSettings
    agent_name: str
    pid: int
    is_shut_down: threading.Event = field(default_factory=threading.Event)

    def is_answered(self, connection: BrokerConnection, delivery: Delivery) -> bool:
        """Whether it was a control message, and is answered and acknowledged."""
        body = self._read(delivery)
        if body is None:
            return False
        try:
            if body["msg_type"] == "health_ping":
                connection.send(self._pong(str(body["reply_to"])))
            connection.acknowledge([delivery])
        except BrokerUnavailable as error:  # it comes again on the next connection
            _log.warning("a control message was not answered", reason=str(error))
            return True
        if body["msg_type"] == "shutdown":
            self.is_shut_down.set()
        return True

    def _read(self, delivery: Delivery) -> Mapping[str, Any] | None:
        """The control message; None where it is none, or not for us."""
        text = delivery.body
        if delivery.destination != self.configured.ops_queue or len(text) > _MOST_BYTES:
            return None
        if not any(word in text for word in _WORDS):
            return None
        try:
            body = schemas.decode(text)
            require_namespace(body, self.configured.namespace)
        except (Invalid, Unusable):
            return None
        return body if self._is_control(body) else None

    def _is_control(self, body: Mapping[str, Any]) -> bool:
        kind = body.get("msg_type")
        if kind == "health_ping":
            return str(body.get("reply_to") or "").startswith(PREFIXES)
        return kind == "shutdown" and self.configured.allows_shutdown

    def _pong(self, reply_to: str) -> Outgoing:
        pong = Pong(msg_type="pong", agent=self.agent_name, pid=self.pid)
        return Outgoing(destination=reply_to, body=pong.model_dump_json())
