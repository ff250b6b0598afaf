"""The user's control queue on the bus: commands in the original's form, and their replies.

Source: fast-monitoring contract sections 1.8 and 7.3.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from blocks.back_off import BackOff
from blocks.errors import ProdOpsError
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.errors import BadLogin, BrokerUnavailable
from blocks.message_broker.frames import PREFIXES, Delivery, Outgoing, Subscription
from blocks.message_broker.inbox import Inbox
from deployments.broker_access import access_of
from flows.common.database import now
from flows.common.settings.bus import BusSettings
from flows.testbed.domain import Verb, control_queue

_TICK_SECONDS: Final = 1.0
_MOST_BYTES: Final = 1 << 16
_VERBS: Final = {
    "start_testbed": Verb.START,
    "stop_testbed": Verb.STOP,
    "status": Verb.STATUS,
    "start": Verb.START,
    "stop": Verb.STOP,
    "restart": Verb.RESTART,
    "kill": Verb.KILL,
}
"""The original's words, and ours for single agents; `restart` alone is the controller's own."""

_log = logging.getLogger("prodops.controller")

Do = Callable[[Verb, str | None, str | None], dict[str, Any]]


@dataclass
class ControlQueue:
    """Takes commands from the user's queue, one after the other, until it is to stop.

    Attributes:
        bus: How the broker is reached.
        user: Whose testbed it is.
        do: Does what a command says.
        restart: Has the controller begin anew, as the original does at `restart`.
        stopping: Set when it is to stop.
    """

    bus: BusSettings
    user: str
    do: Do
    restart: Callable[[], None]
    stopping: threading.Event
    _failures: int = 0
    _pauses: BackOff = field(default_factory=lambda: BackOff(0.5, 15.0))

    def run(self) -> None:
        """Work, through every break of the connection."""
        while not self.stopping.is_set():
            try:
                self._work()
            except (BrokerUnavailable, BadLogin) as error:
                self._failures += 1
                if self._failures == 1:
                    _log.warning("no commands by the bus: %s", error)
                self.stopping.wait(self._pauses.pause_seconds(self._failures))

    def _work(self) -> None:
        inbox = Inbox()
        # No client id: nothing of ours is durable, and the bridge has the one that is set.
        with BrokerConnection(replace(access_of(self.bus), client_id=None), inbox) as connection:
            connection.subscribe(Subscription(destination=control_queue(self.user), prefetch=1))
            _log.info("commands are taken from %s at %s", control_queue(self.user), self.bus.host)
            self._failures = 0
            while not self.stopping.is_set():
                for delivery in inbox.next_batch(1, _TICK_SECONDS):
                    self._take(connection, delivery)
                if inbox.lost_because:
                    raise BrokerUnavailable(inbox.lost_because)
                if connection.is_silent():
                    raise BrokerUnavailable("the broker is silent")

    def _take(self, connection: BrokerConnection, delivery: Delivery) -> None:
        # First: what ends the controller in the middle must not end the next one as well.
        connection.acknowledge([delivery])
        body = read(delivery.body)
        if body is None:
            _log.warning("a message on %s is no command: %.200r", delivery.destination,
                         delivery.body)  # fmt: skip
            return
        command, reply_to = str(body["command"]), str(body.get("reply_to") or "")
        _log.info("%s by the bus, from %s", command, body.get("source") or "nobody named")
        answer = self._answer(command, body)
        if reply_to.startswith(PREFIXES):
            connection.send(Outgoing(destination=reply_to, body=json.dumps(answer)))
        if command == "restart" and _text(body, "target") is None:
            self.restart()

    def _answer(self, command: str, body: Mapping[str, Any]) -> dict[str, Any]:
        own = {"username": self.user, "timestamp": now().isoformat()}
        target = _text(body, "target")
        if command == "ping":
            return {"status": "alive", **own}
        if command == "restart" and target is None:
            return {"status": "restarting", **own}
        if command not in _VERBS:
            return {"error": f"there is no command {command!r}", **own}
        try:
            result = self.do(_VERBS[command], target, _text(body, "config_name"))
        except ProdOpsError as error:
            _log.warning("%s failed: %s", command, error)
            return {"error": str(error), **own}
        is_healthy = result.get("supervisord_healthy")
        return {"supervisord_status": "running" if is_healthy else "stopped", **result, **own}


def read(body: bytes) -> dict[str, Any] | None:
    """The command in a message's body; None where it is none."""
    if len(body) > _MOST_BYTES:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_command = isinstance(found, dict) and isinstance(found.get("command"), str)
    return found if is_command else None


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None
