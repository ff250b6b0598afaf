"""What a workflow's run does: it begins or takes up its execution, and sends its messages in time.

Sending a message is no Prefect task: there may be hundreds in a second.
"""

from __future__ import annotations

import inspect
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prefect import get_run_logger
from sqlalchemy.orm import Session

from flows.common import requests, run_states
from flows.common.counters import Counter, next_number
from flows.common.database import now
from flows.common.events import NewEvent
from flows.common.notifications import NotificationListener
from flows.common.run import Announce, Ending, Run
from flows.workflows import endings, messages, repository
from flows.workflows.domain import data_taking
from flows.workflows.domain.configuration import Configuration, daq_of, fast_processing_of
from flows.workflows.domain.data_taking import Message, Timeline
from flows.workflows.domain.parameters import DaqStateMachine
from flows.workflows.models import ExecutionStatus, WorkflowRun
from flows.workflows.schemas import RunWorkflow

_MOST_AT_ONCE: Final = 100
_LONGEST_WAIT_SECONDS: Final = 5.0  # what a lost notification costs
_LONGEST_USER: Final = 40


def begin(present: Run, form: RunWorkflow) -> tuple[WorkflowRun, DaqStateMachine]:
    """Begin the request's execution, or take up the one that an earlier attempt has begun.

    Returns:
        The execution, and its state machine's parameters, as they were when it was begun.
    """

    def begun(session: Session, _: Announce) -> tuple[WorkflowRun, DaqStateMachine]:
        execution = repository.of_request(session, present.claim.request_id)
        if execution is None:
            owner = requests.get(session, present.claim.request_id).requested_by
            execution = _begin(session, present.claim.request_id, form, owner)
        return execution, daq_of(repository.parameters_of(session, execution))

    execution, daq = present.write(begun)
    _say_begin(execution)
    return execution, daq


def _begin(session: Session, request_id: int, form: RunWorkflow, owner: str) -> WorkflowRun:
    configured, at = form.configured(), now()
    number = next_number(session, Counter.WORKFLOW_EXECUTION_ID)
    user = re.sub(r"[^A-Za-z0-9_.]", "_", owner)[:_LONGEST_USER] or "prodops"
    execution = WorkflowRun(
        request_id=request_id,
        execution_id=f"{form.workflow}-{user}-{number:04d}",
        namespace=form.namespace,
        run_number=next_number(session, Counter.RUN_NUMBER),
        sender=f"{form.workflow}-agent-{user}-{number}",
        started_at=at,
    )
    definition_id = repository.define(
        session,
        workflow=form.workflow,
        version=configured.version,
        definition=inspect.getsource(data_taking),
        parameters=configured.parameters(),
        owner=owner,
        at=at,
    )
    repository.begin(
        session,
        execution,
        definition_id=definition_id,
        parameters=_recorded(form, configured),
        owner=owner,
        target_worker_count=fast_processing_of(configured.parameters()).target_worker_count,
    )
    return execution


def _recorded(form: RunWorkflow, configured: Configuration) -> dict[str, Any]:
    """The parameters as they are recorded, and where each came from."""
    about = {"name": form.workflow.value, "config": configured.name, "version": configured.version}
    asked = form.model_dump(include={"duration_seconds", "realtime", "seed"})
    return {**configured.parameters(), "workflow": about | asked, "sources": configured.sources()}


def _say_begin(execution: WorkflowRun) -> None:
    names = (execution.execution_id, execution.run_number, execution.namespace)
    get_run_logger().info("execution %s: run %s in namespace %s", *names)
    if execution.messages:
        get_run_logger().warning(
            "an earlier attempt sent %d messages (%d STFs) of it; this one goes on after them",
            execution.messages,
            execution.stfs,
        )


@dataclass
class Player:
    """Sends the messages of an execution that are left, each when it is due.

    Every method raises ClaimLost where the request was taken from the run, and DatabaseUnavailable
    where the database stayed away: then nothing was written.
    """

    run: Run
    form: RunWorkflow
    execution: WorkflowRun
    daq: DaqStateMachine
    listener: NotificationListener
    _pending: list[Message] = field(default_factory=list)
    _is_stopped: bool = False

    def __post_init__(self) -> None:
        self._timing = self.daq.timing
        counts = self.daq.stf_counts()
        self._physics = data_taking.periods(self._timing, counts, seed=self.form.seed)
        # A later attempt goes on at the tick at which the earlier one was.
        self._began = time.monotonic() - self.execution.tick

    def play(self) -> ExecutionStatus:
        """Send all that is left, and wait for the workflow's end; or until somebody stops it."""
        for tick, message in self._left():
            self._wait_until(tick)
            if self._is_stopped:
                break
            self._pending.append(message)
            if len(self._pending) >= _MOST_AT_ONCE:
                self._send()
        self._send()
        self._wait_until(self.execution.tick + self._timing.after_end)
        return ExecutionStatus.TERMINATED if self._is_stopped else ExecutionStatus.COMPLETED

    def finish(self, status: ExecutionStatus) -> dict[str, Any]:
        """End the execution and its request, with the run's `end_run` where it is missing.

        Returns:
            The request's result.
        """
        result: dict[str, Any] = {}

        def end(session: Session, announce: Announce) -> Ending:
            execution = self._locked(session)
            tick = max(execution.tick, self._tick()) if self.form.realtime else execution.tick
            for event in endings.end(session, execution, status, tick=tick, at=now()):
                announce(event)
            result.update(_result(execution, status))
            return Ending(result=result)

        self.run.finish(end)
        get_run_logger().info("Workflow %s: %s", status, self.execution.execution_id)
        return result

    def _left(self) -> Iterator[tuple[float, Message]]:
        identity = messages.identity_of(self.execution)
        timeline: Timeline = data_taking.take_data(identity, self._timing, self._physics)
        if self.form.duration_seconds:
            timeline = data_taking.cut_off(timeline, identity, self.form.duration_seconds)
        return itertools.islice(timeline, self.execution.messages, None)

    def _wait_until(self, tick: float) -> None:
        """Wait for the tick, having sent what was due before; a stop ends the wait."""
        while self.form.realtime and not self._is_stopped and (left := tick - self._tick()) > 0:
            self._send()
            self.listener.wait(min(left, _LONGEST_WAIT_SECONDS))
            self._look_for_stop()

    def _look_for_stop(self) -> None:
        request_id = self.execution.request_id
        by = self.run.read(lambda session: repository.stop_requested_by(session, request_id))
        self._is_stopped = by is not None

    def _send(self) -> None:
        """Send what is due, in one transaction with what it changes."""
        if not self._pending or self._is_stopped:
            return
        sent_before = self.execution.messages

        def send(session: Session, announce: Announce) -> WorkflowRun:
            execution = self._locked(session)
            # A commit whose answer was lost has happened: then nothing is sent again.
            if execution.messages == sent_before and execution.stop_requested_by is None:
                _note(session, execution, self._pending)
                for message in self._pending:
                    announce(self._event_of(message, execution))
            return execution

        self.execution = self.run.write(send)
        self._is_stopped = self.execution.stop_requested_by is not None
        self._pending = []

    def _event_of(self, message: Message, execution: WorkflowRun) -> NewEvent:
        flow_run_id = self.run.claim.flow_run_id
        return messages.event_of(message, execution, now(), flow_run_id=flow_run_id)

    def _locked(self, session: Session) -> WorkflowRun:
        execution = repository.of_request(session, self.run.claim.request_id)
        assert execution is not None  # noqa: S101 - `begin` has recorded it
        return execution

    def _tick(self) -> float:
        return round(time.monotonic() - self._began, 6)


def _note(session: Session, execution: WorkflowRun, due: Sequence[Message]) -> None:
    """Note how far the execution has come, and what its messages change."""
    execution.messages += len(due)
    execution.stfs += sum(message["msg_type"] == "stf_gen" for message in due)
    execution.tick = due[-1]["simulation_tick"]
    run_states.advance(session, messages.lifecycle(due, execution), now())
    if due[-1]["msg_type"] == "end_run":
        repository.end_run(session, execution, now())


def _result(execution: WorkflowRun, status: ExecutionStatus) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "run_number": execution.run_number,
        "namespace": execution.namespace,
        "status": status.value,
        "stf_files": execution.stfs,
        "messages": execution.messages,
    }
