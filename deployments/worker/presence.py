"""A worker as the testbed's agents see it: its own row, its host's `PRODOPS` row, the sampler's.

Of the latter two there is one each, whatever the number of workers: whoever holds their lock
writes them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy import ColumnElement, Engine, exists, select
from sqlalchemy.orm import Session

from deployments.agent_row import OPS_TYPE, AgentRow, AgentRows, ops_agent_name
from deployments.singletons import Singletons
from deployments.unit import main_pid
from flows.agents.domain import AgentStatus, AgentType, OperationalState
from flows.common.database import transaction
from flows.common.models import HELD, Request
from flows.common.settings import Settings
from flows.fastmon.actions import SAMPLE_STFS

LOOK_SECONDS: Final = 2.0
_WORKER_TYPE: Final = "prodops_worker"
_SAMPLER: Final = "sampler"


class Presence:
    """The rows that a worker keeps.

    Attributes:
        hands: How many runs it has in hand; None: it is not ready yet.
    """

    def __init__(self, settings: Settings, engine: Engine, name: str) -> None:
        self.hands: Callable[[], int] | None = None
        self._settings = settings
        self._engine = engine
        self._name = name
        self._locks = Singletons()
        self._rows = AgentRows(engine, settings.bus.namespace)
        self._unit_pid = main_pid(settings)

    def look(self) -> None:
        """Say what is so now.

        Raises:
            DatabaseUnavailable: It cannot be said.
        """
        self._rows.say(list(self._present()))

    def end(self) -> None:
        """Say that the worker ends, and leave what there is one of to another.

        Raises:
            DatabaseUnavailable: It cannot be said; the clock says it instead.
        """
        left = [
            replace(row, state=OperationalState.EXITED, status=AgentStatus.EXITED)
            for row in self._present()
        ]
        self._rows.say(left)
        self._locks.release()

    def _present(self) -> Iterator[AgentRow]:
        runs = self.hands() if self.hands is not None else 0
        yield AgentRow(
            name=self._name,
            agent_type=_WORKER_TYPE,
            state=self._state(is_busy=runs > 0),
            pid=os.getpid(),
            description=f"runs flows; {runs} now",
        )
        if self._locks.holds(f"agent of {socket.gethostname()}"):
            with transaction(self._engine) as session:
                is_busy = _is_held(session, Request.worker.endswith(f"@{socket.gethostname()}"))
            yield AgentRow(
                name=ops_agent_name(),
                agent_type=OPS_TYPE,
                state=self._state(is_busy=is_busy),
                pid=self._unit_pid,
                description="production operations of this host",
            )
        if self._locks.holds(_SAMPLER):
            with transaction(self._engine) as session:
                is_busy = _is_held(session, Request.action == SAMPLE_STFS.name)
            yield AgentRow(
                name=self._settings.fastmon.agent_name,
                agent_type=AgentType.FASTMON,
                state=self._state(is_busy=is_busy),
                pid=os.getpid(),
                description="samples Time Frames from the STFs that are announced",
            )

    def _state(self, *, is_busy: bool) -> OperationalState:
        if is_busy:
            return OperationalState.PROCESSING
        return OperationalState.STARTING if self.hands is None else OperationalState.READY


def _is_held(session: Session, which: ColumnElement[bool]) -> bool:
    """Whether a worker has a request of these in hand."""
    query = select(exists().where(Request.state.in_(HELD), which))
    return bool(session.scalar(query))
