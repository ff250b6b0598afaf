"""Workflows for tests: asked for, claimed and run in this process, as the worker would."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from prefect.logging import disable_run_logger
from sqlalchemy import Engine, select, text

from deployments.worker.request_store import Ending, RequestStore
from flows.common import claiming, claims, holding, requests, run
from flows.common.callers import Caller, on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Event, Request, RequestState
from flows.common.settings import settings
from flows.workflows import flow, tasks
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.schemas import RunWorkflow

SHIFTER: Final = on_ops_side("shifter")
AT_ONCE: Final = {"namespace": "torre1", "realtime": False}
QUICK: Final[list[dict[str, Any]]] = [
    {"section": "daq_state_machine", "key": key, "value": value}
    for key, value in {
        "no_beam_not_ready_delay": 0.0,
        "broadcast_delay": 0.0,
        "beam_not_ready_delay": 0.0,
        "beam_ready_delay": 0.0,
        "beam_not_ready_end_delay": 0.0,
        "standby_duration": 0.0,
        "stf_generation_time": 0.0,
    }.items()
]
"""Overrides without which even a short run takes half a minute of its own time."""


@dataclass
class Workflows:
    """The workflows of one database."""

    engine: Engine
    caller: Caller = SHIFTER
    _store: RequestStore = field(init=False)

    def __post_init__(self) -> None:
        self._store = RequestStore(self.engine, settings().worker, "w")

    def ask(self, **asked: Any) -> int:
        form = RUN_WORKFLOW.parse(asked)
        with transaction(self.engine) as session:
            return requests.accept(
                session, RUN_WORKFLOW, form, caller=self.caller, source="test"
            ).id

    def claim(self) -> Claim:
        with transaction(self.engine) as session:
            (row,) = claiming.claim(session, worker="w", limit=1, lease_seconds=600)
            claim = Claim(row.id, row.attempts, uuid.uuid4())
            holding.note_flow_run(session, claim, state=RequestState.RUNNING)
        return claim

    def work(self, claim: Claim) -> dict[str, Any]:
        """Run the flow of a claimed request, in this thread."""
        parameters = self.request(claim.request_id).parameters
        claims.hold(claim)
        try:
            with disable_run_logger():
                return flow.run_workflow.fn(**parameters)
        finally:
            claims.hold(None)

    def run(self, **asked: Any) -> dict[str, Any]:
        self.ask(**asked)
        return self.work(self.claim())

    def begun(self, **asked: Any) -> str:
        """Begin an execution without sending anything of it; gives its id."""
        self.ask(**asked)
        claim = self.claim()
        claims.hold(claim)
        try:
            with disable_run_logger():
                form = RunWorkflow(**self.request(claim.request_id).parameters)
                execution, _ = tasks.begin(run.current(), form)
        finally:
            claims.hold(None)
        return execution.execution_id

    def stop(self, **named: Any) -> dict[str, Any]:
        """Have workflows stopped, by the flow that does it."""
        form = STOP_WORKFLOW.parse(named)
        with transaction(self.engine) as session:
            requests.accept(session, STOP_WORKFLOW, form, caller=self.caller, source="test")
        claims.hold(self.claim())
        try:
            return flow.stop_workflow.fn(**named)
        finally:
            claims.hold(None)

    def end(self, claim: Claim, state: RequestState | None, error: str = "killed") -> None:
        """End the claim's run without its flow, as the worker does; None: it was lost."""
        self._store.conclude(claim, Ending(state=state, error=error))

    def request(self, request_id: int) -> Request:
        with transaction(self.engine) as session:
            return requests.get(session, request_id)

    def messages(self) -> list[dict[str, Any]]:
        """The messages on the stream, in order."""
        with transaction(self.engine) as session:
            return list(session.scalars(select(Event.payload).order_by(Event.id)))

    def kinds(self) -> list[str]:
        return [message["msg_type"] for message in self.messages()]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, as mappings."""
        with transaction(self.engine) as session:
            found = session.execute(text(f"SELECT * FROM {table}"))
            return [dict(row) for row in found.mappings()]
