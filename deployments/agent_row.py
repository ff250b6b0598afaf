"""prodops as the testbed's agents see it: rows of agents, kept by the parts themselves.

Source: fastmon contract sections 3.3 and 5.4, ops contract section 6.2.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Engine

from flows.agents import repository
from flows.agents.domain import AgentStatus, OperationalState
from flows.agents.repository import Heartbeat
from flows.common.database import now, transaction

BEAT_SECONDS: Final = 15.0
"""How often a row is written whose state does not change."""
OPS_TYPE: Final = "PRODOPS"
"""The type of the one row of a host that stands for the original's agent."""


def ops_agent_name() -> str:
    """The name of this host's row of that type, in the original's form; the same at each start."""
    return f"prodops-agent-{getpass.getuser()}-{socket.gethostname()}"[:100]


@dataclass(frozen=True, kw_only=True)
class AgentRow:
    """What is said of one agent.

    Attributes:
        name: Its instance name.
        agent_type: Its type.
        state: What it does.
        pid: The process that stands for it.
        status: How it is.
        description: The same in words.
        metadata: What else there is to say.
    """

    name: str
    agent_type: str
    state: OperationalState
    pid: int
    status: AgentStatus = AgentStatus.OK
    description: str = ""
    metadata: Mapping[str, Any] | None = None

    def heartbeat(self, namespace: str) -> Heartbeat:
        """The heartbeat that says it."""
        said = {
            "agent_type": self.agent_type,
            "status": self.status.value,
            "description": self.description,
            "pid": self.pid,
            "hostname": socket.gethostname(),
            "operational_state": self.state.value,
            "namespace": namespace,
            "metadata": self.metadata,
        }
        return Heartbeat(self.name, said)


@dataclass
class AgentRows:
    """Keeps the rows of one part: written where they change, and by the clock.

    Attributes:
        engine: The database.
        namespace: The namespace that they are of.
    """

    engine: Engine
    namespace: str
    _written: dict[str, tuple[AgentRow, float]] = field(default_factory=dict)

    def say(self, rows: Sequence[AgentRow]) -> None:
        """Write what is due of these.

        Raises:
            DatabaseUnavailable: Nothing is written.
        """
        moment = time.monotonic()
        due = [row for row in rows if self._is_due(row, moment)]
        if not due:
            return
        with transaction(self.engine) as session:
            repository.beat(session, [row.heartbeat(self.namespace) for row in due], now())
        self._written |= {row.name: (row, moment) for row in due}

    def _is_due(self, row: AgentRow, moment: float) -> bool:
        written = self._written.get(row.name)
        return written is None or written[0] != row or moment - written[1] >= BEAT_SECONDS
