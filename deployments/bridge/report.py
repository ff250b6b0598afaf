"""How the bridge is: said in the log where it changes, and in the database by the clock."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from deployments.agent_row import AgentRow, AgentRows
from deployments.isolation import outlived
from flows.agents.domain import AgentStatus, OperationalState
from flows.common import standing
from flows.common.database import now, transaction
from flows.common.models import PartKind
from flows.common.settings.bus import BusSettings
from flows.common.standing import BridgeCondition

_log = structlog.get_logger("bridge")


_GOOD: Final = frozenset({BridgeCondition.CONNECTED, BridgeCondition.ENDED})
_STATES: Final = {
    BridgeCondition.STARTING: OperationalState.STARTING,
    BridgeCondition.ENDED: OperationalState.EXITED,
}
_STATUSES: Final = {
    BridgeCondition.STARTING: AgentStatus.OK,
    BridgeCondition.CONNECTED: AgentStatus.OK,
    BridgeCondition.ENDED: AgentStatus.EXITED,
}


@dataclass
class Report:
    """Says how the bridge is.

    Attributes:
        engine: The database.
        configured: The settings of the bus.
        broker: Host and port of the broker, once they are known.
    """

    engine: Engine
    configured: BusSettings
    broker: str = ""
    _rows: AgentRows = field(init=False)
    _condition: BridgeCondition = BridgeCondition.STARTING
    _text: str = ""
    _since: datetime = field(default_factory=now)
    _is_changed: threading.Event = field(default_factory=threading.Event)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._rows = AgentRows(self.engine, self.configured.namespace)

    def say(self, condition: BridgeCondition, text: str) -> None:
        """Note how it is; the same again changes nothing."""
        if (condition, text) == (self._condition, self._text):
            return
        level = "info" if condition in _GOOD else "warning"
        getattr(_log, level)("the bridge is " + condition.value.replace("_", " "), reason=text)
        if condition is not self._condition:
            self._since = now()
        self._condition, self._text = condition, text
        self._is_changed.set()

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Write it to the database meanwhile: at each change, and by the clock."""
        thread = threading.Thread(target=self._repeat, name="report")
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._is_changed.set()
            thread.join()
            self.say(BridgeCondition.ENDED, "")
            with outlived("the bridge's end cannot be written"):
                self._write()

    def _repeat(self) -> None:
        while not self._is_over.is_set():
            self._is_changed.clear()
            with outlived("how the bridge is cannot be written"):
                self._write()
            self._is_changed.wait(standing.BEAT_SECONDS)

    def _write(self) -> None:
        with transaction(self.engine) as session:
            standing.beat(
                session,
                PartKind.BRIDGE,
                socket.gethostname(),
                prefect_answers=True,
                details=self._details(),
            )
        if self._condition is not BridgeCondition.STANDS_BY:  # the one that works has the row
            self._rows.say([self._row()])

    def _details(self) -> dict[str, Any]:
        return {
            "condition": self._condition.value,
            "text": self._text,
            "since": self._since.isoformat(),
            "broker": self.broker,
            "publishes": self.configured.publishes,
        }

    def _row(self) -> AgentRow:
        return AgentRow(
            name=f"prodops-bridge-{socket.gethostname()}",
            agent_type="prodops_bridge",
            state=_STATES.get(self._condition, OperationalState.READY),
            status=_STATUSES.get(self._condition, AgentStatus.WARNING),
            pid=os.getpid(),
            description=self._text or "takes messages of the bus, and publishes events",
        )
