"""The events of workflows: the messages of their timelines, as they are sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows.common.events import NewEvent, message_event
from flows.common.messages import EventBody
from flows.common.run_states import LIFECYCLE
from flows.workflows.domain import data_taking
from flows.workflows.domain.data_taking import Identity, Message
from flows.workflows.models import WorkflowRun

EVENTS: Final[tuple[type[EventBody], ...]] = ()
"""None is prodops' own: they are the data acquisition's, by the execution's agent."""


def identity_of(execution: WorkflowRun) -> Identity:
    """Whose the execution's messages are."""
    return Identity(
        run_number=execution.run_number,
        namespace=execution.namespace,
        execution_id=execution.execution_id,
        sender=execution.sender,
        started=execution.started_at,
    )


def broken_off(execution: WorkflowRun, tick: float) -> Message:
    """The `end_run` of a run that did not come to its own."""
    return data_taking.end_run(identity_of(execution), tick, execution.stfs)


def event_of(
    message: Message,
    execution: WorkflowRun,
    at: datetime,
    *,
    flow_run_id: uuid.UUID | None = None,
) -> NewEvent:
    """The event of a message of the execution, which carries the time at which it is sent."""
    return message_event(
        message | {"timestamp": at.isoformat(timespec="microseconds")},
        at=at,
        subject=execution.execution_id,
        request_id=execution.request_id,
        flow_run_id=flow_run_id,
    )


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """What the state of a run follows of a message."""

    msg_type: str
    run_number: int
    state: str | None
    substate: str | None
    execution_id: str


def lifecycle(sent: Iterable[Message], execution: WorkflowRun) -> list[Lifecycle]:
    """The messages that the state of the execution's run follows."""
    return [
        Lifecycle(
            msg_type=message["msg_type"],
            run_number=execution.run_number,
            state=message.get("state"),
            substate=message.get("substate"),
            execution_id=execution.execution_id,
        )
        for message in sent
        if message["msg_type"] in LIFECYCLE
    ]
