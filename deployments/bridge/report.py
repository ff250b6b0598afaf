"""How the bridge is, in its log, on the page of the system and in the row of its agent."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from sqlalchemy import Engine

from deployments.agent_row import AgentRow, AgentRows
from deployments.bridge.passing import Passing
from deployments.condition_report import ConditionReport
from flows.agents.domain import AgentStatus, OperationalState
from flows.common.models import PartKind
from flows.common.settings.bus import BusSettings
from flows.common.standing import BridgeCondition

_STATES: Final = {
    BridgeCondition.STARTING: OperationalState.STARTING,
    BridgeCondition.ENDED: OperationalState.EXITED,
}
_STATUSES: Final = {
    BridgeCondition.STARTING: AgentStatus.OK,
    BridgeCondition.CONNECTED: AgentStatus.OK,
    BridgeCondition.ENDED: AgentStatus.EXITED,
}


class BridgeReport(ConditionReport[BridgeCondition]):
    """Says how the bridge is.

    Attributes:
        broker: Host and port of the broker, once they are known.
    """

    def __init__(self, engine: Engine, configured: BusSettings, passing: Passing) -> None:
        """A report of a bridge that starts, with the settings of the bus."""
        super().__init__(
            engine,
            PartKind.BRIDGE,
            BridgeCondition.STARTING,
            ended=BridgeCondition.ENDED,
            good=frozenset({BridgeCondition.CONNECTED, BridgeCondition.ENDED}),
        )
        self.broker = ""
        self._configured = configured
        self._passing = passing
        self._rows = AgentRows(engine, configured.namespace)

    def write(self) -> None:
        """Write it to the database, for the page of the system and that of the agents."""
        super().write()
        if self.condition is not BridgeCondition.STANDS_BY:  # the one that works has the row
            self._rows.say([self._row()])

    def more(self) -> dict[str, Any]:
        """The broker, whether events go to it, and what is passed on to the original agent."""
        said = {"broker": self.broker, "publishes": self._configured.publishes}
        return said | self._passing.describe()

    def _row(self) -> AgentRow:
        return AgentRow(
            name=f"prodops-bridge-{socket.gethostname()}",
            agent_type="prodops_bridge",
            state=_STATES.get(self.condition, OperationalState.READY),
            status=_STATUSES.get(self.condition, AgentStatus.WARNING),
            pid=os.getpid(),
            description=self.text or "takes messages of the bus, and publishes events",
        )
