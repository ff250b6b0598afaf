"""The event of a flow run's state at Prefect, for prodops's own pages: it stays off the bus."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from flows.common import events
from flows.common.messages import EventBody, Timestamp, msg_type_of


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A state that a flow run took.

    Attributes:
        previous_id: The state before it, where Prefect's event tells.
        is_first: Whether Prefect's event says that there was none before it.
        tagged_request_id: The request that the run's tags name, where Prefect's event has them.
    """

    state_id: uuid.UUID
    flow_run_id: uuid.UUID
    state_type: str
    state_name: str
    timestamp: datetime
    previous_id: uuid.UUID | None = None
    is_first: bool = False
    tagged_request_id: int | None = None


@dataclass(frozen=True)
class Belonging:
    """The request that a flow run works on."""

    request_id: int
    action: str
    subject: str | None


class FlowRunState(EventBody):
    """A flow run of prodops changed its state at Prefect."""

    SUBJECT: ClassVar = "that of its request"

    msg_type: Literal["flow_run_state"]
    flow_run_id: uuid.UUID = Field(
        description="Id of the flow run.", examples=["3d1f0c52-7f0e-4c6a-9c41-8f0c9b1d6a55"]
    )
    request_id: int | None = Field(description="The request that it works on.", examples=[4711])
    action: str | None = Field(description="The request's action.", examples=["submit_task"])
    subject: str | None = Field(description="What the request is about.", examples=[None])
    state_type: str = Field(description="Prefect's type of the state.", examples=["RUNNING"])
    state_name: str = Field(description="Its name.", examples=["Running"])
    timestamp: Timestamp = Field(description="When, in UTC.")


EVENTS = (FlowRunState,)


def flow_run_state(state: RunState, owner: Belonging | None) -> events.NewEvent:
    """`flow_run_state`: a state that a flow run took, of the request that it works on."""
    body = FlowRunState(
        msg_type=msg_type_of(FlowRunState),
        flow_run_id=state.flow_run_id,
        request_id=owner.request_id if owner else None,
        action=owner.action if owner else None,
        subject=owner.subject if owner else None,
        state_type=state.state_type,
        state_name=state.state_name,
        timestamp=state.timestamp,
    )
    return events.message_event(
        body.model_dump(mode="json"),
        subject=body.subject,
        request_id=body.request_id,
        flow_run_id=state.flow_run_id,
    )
