"""Agents with their heartbeats, and subscribers.

Source: fastmon contract sections 3.3 and 3.4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from api.agents.queries import agents
from api.http.access import AgentWriter
from api.http.background import running
from api.http.collections.routes import Resource, make_router
from api.http.collections.store import Record
from api.http.errors import refusals
from api.http.fields import (
    Address,
    JsonObject,
    Number,
    Paragraph,
    Text20,
    Text30,
    Text100,
    Text200,
    Text255,
    Time,
    UtcTime,
    WholeNumber,
    Word100,
    Word255,
    choice,
)
from api.http.forms import body as _body
from api.http.forms import read_body
from api.http.group_commit import GroupCommit
from flows.agents.domain import AgentStatus, AgentType, DeliveryType, OperationalState
from flows.agents.repository import Heartbeat

Heartbeats = GroupCommit[Heartbeat, tuple[Record, bool]]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.heartbeats = Heartbeats(
        app.state.reserve,
        agents.beat,
        what="heartbeats",
        most_bytes=app.state.settings.stream.intake_bytes,
    )
    async with running(app.state.heartbeats.run()):
        yield


router = APIRouter(lifespan=_lifespan)

KnownType = Annotated[AgentType, *choice(AgentType)]
Status = Annotated[AgentStatus, *choice(AgentStatus)]
State = Annotated[OperationalState, *choice(OperationalState)]
Delivery = Annotated[DeliveryType, *choice(DeliveryType)]


class HeartbeatForm(BaseModel):
    """What an agent says of itself. What it does not carry stays as it was."""

    instance_name: Word100 = Field(description="The agent's name.")
    agent_type: Text30 | None = Field(None, description="What it does, in its own word.")
    description: Paragraph | None = Field(None, description="How it is, in its own words.")
    status: Text20 | None = Field(None, description="Its health, such as OK; EXITED is final.")
    agent_url: Text200 | None = Field(None, description="Where it is reached; null: nowhere.")
    workflow_enabled: bool | None = Field(None, description="Whether it takes part in workflows.")
    current_stf_count: WholeNumber | None = Field(None, description="STFs that it works on.")
    total_stf_processed: WholeNumber | None = Field(None, description="STFs that it is done with.")
    pid: WholeNumber | None = Field(None, description="Its process on its machine.")
    hostname: Text100 | None = Field(None, description="Its machine.")
    operational_state: Text20 | None = Field(None, description="Its activity, such as READY.")
    namespace: Text100 | None = Field(None, description="Its namespace; null: none.")
    metadata: JsonObject | None = Field(None, description="Other information.")
    mq_connected: bool | None = Field(None, description="Whether it reaches the broker.")


class AgentForm(BaseModel):
    """The fields of an agent. Heartbeats say most of them."""

    instance_name: Word100 = Field(description="The agent's name, unique.")
    agent_type: KnownType = Field(AgentType.OTHER, description="What it does.")
    description: Paragraph = Field("", description="How it is, in words.")
    status: Status = Field(AgentStatus.UNKNOWN, description="Its health.")
    last_heartbeat: Time | None = Field(None, description="When it was heard last.")
    agent_url: Text200 | None = Field(None, description="Where it is reached.")
    workflow_enabled: bool = Field(True, description="Whether it takes part in workflows.")
    current_stf_count: WholeNumber = Field(0, description="STFs that it works on.")
    total_stf_processed: WholeNumber = Field(0, description="STFs that it is done with.")
    last_stf_processed: Time | None = Field(None, description="When it was done with one last.")
    pid: WholeNumber | None = Field(None, description="Its process on its machine.")
    hostname: Text100 | None = Field(None, description="Its machine.")
    operational_state: State = Field(OperationalState.STARTING, description="Its activity.")
    namespace: Text100 | None = Field(None, description="Its namespace.")
    metadata: JsonObject | None = Field(None, description="Other information.")


class Conflict(BaseModel):
    """Another process that used the agent's name within the last 3 minutes."""

    pid: int | None
    hostname: str | None
    last_heartbeat: UtcTime


class AgentView(BaseModel):
    """An agent. One that was not heard for 3 minutes is shown as EXITED until it is heard again."""

    id: int
    instance_name: str
    agent_type: str
    description: str
    status: str
    last_heartbeat: UtcTime | None
    agent_url: str | None
    workflow_enabled: bool
    current_stf_count: int
    total_stf_processed: int
    last_stf_processed: UtcTime | None
    pid: int | None
    hostname: str | None
    operational_state: str
    namespace: str | None
    metadata: Any
    created_at: UtcTime
    updated_at: UtcTime
    mq_connected: bool | None
    conflict: Conflict | None


_NEW: Final[dict[int | str, dict[str, Any]]] = {
    201: {"model": AgentView, "description": "The agent is new."}
}
_EXAMPLE: Final = {
    "instance_name": "data-agent-daq-12",
    "agent_type": "DATA",
    "status": "OK",
    "description": "DATA agent. MQ: connected",
    "mq_connected": True,
    "pid": 4711,
    "hostname": "daq01",
    "operational_state": "READY",
    "namespace": "testbed",
}


@router.post(
    "/api/systemagents/heartbeat/",
    tags=["systemagents"],
    summary="An agent's heartbeat",
    response_model=AgentView,
    responses={**_NEW, **refusals(400, 403, 415)},
    openapi_extra=_body(HeartbeatForm, _EXAMPLE),
)
async def heartbeat(request: Request, _caller: AgentWriter) -> Response:
    """Any word is taken for the type, the status and the state."""
    body = await read_body(request)
    said = body.read(HeartbeatForm)
    waiting: Heartbeats = request.app.state.heartbeats
    beat = Heartbeat(said.pop("instance_name"), said)
    row, is_new = await waiting.take(beat, size_bytes=len(body.raw))
    view = AgentView.model_validate(row)
    return Response(view.model_dump_json(), 201 if is_new else 200, media_type="application/json")


# ------------------------------------------------------------------ subscribers


class SubscriberForm(BaseModel):
    """The fields of a subscriber."""

    subscriber_name: Word255 = Field(description="The subscriber's name, unique.")
    fraction: Number | None = Field(None, description="Part of the messages that it takes.")
    description: Paragraph | None = Field(None, description="What it is.")
    is_active: bool = Field(True, description="Whether it is active.")
    delivery_type: Delivery = Field(DeliveryType.ACTIVEMQ, description="How it is served.")
    client_ip: Address | None = Field(None, description="Where it comes from.")
    client_location: Text255 = Field("", description="Where that is.")
    connected_at: Time | None = Field(None, description="Since when it is connected.")
    disconnected_at: Time | None = Field(None, description="When it went.")
    last_activity: Time | None = Field(None, description="When it was served last.")
    message_filters: JsonObject = Field({}, description="What it wants.")
    messages_received: WholeNumber = Field(0, description="Messages that it sent.")
    messages_sent: WholeNumber = Field(0, description="Messages that it got.")
    messages_dropped: WholeNumber = Field(0, description="Messages that it missed.")


class SubscriberView(BaseModel):
    """A subscriber."""

    subscriber_id: int
    subscriber_name: str
    fraction: float | None
    description: str | None
    is_active: bool
    created_at: UtcTime
    updated_at: UtcTime
    delivery_type: str
    client_ip: Annotated[str, BeforeValidator(str)] | None
    client_location: str
    connected_at: UtcTime | None
    disconnected_at: UtcTime | None
    last_activity: UtcTime | None
    message_filters: Any
    messages_received: int
    messages_sent: int
    messages_dropped: int


for each in (
    Resource(
        path="systemagents",
        collection=agents.AGENTS,
        view=AgentView,
        form=AgentForm,
        example={"instance_name": "data-agent-daq-12", "agent_type": "data", "status": "OK"},
        changes_example={"status": "EXITED"},
    ),
    Resource(
        path="subscribers",
        collection=agents.SUBSCRIBERS,
        view=SubscriberView,
        form=SubscriberForm,
        example={
            "subscriber_name": "data-agent-daq-12-/topic/epictopic",
            "description": "DATA agent",
            "is_active": True,
            "fraction": 1.0,
        },
        changes_example={"is_active": False},
    ),
):
    router.include_router(make_router(each))
