"""The state of the system, as its page shows it and REST answers it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.agents.lines import AgentLine
from api.requests.views import RequestView
from flows.common.models import PartKind, RequestState
from flows.messages.models import SetAsideState


class VersionView(BaseModel):
    """The code that a part runs."""

    package: str = Field(description="Version of the package.")
    commit: str = Field(description="The commit, abbreviated; empty where nobody knows it.")


class PartView(BaseModel):
    """A part of the ops side."""

    kind: PartKind
    name: str
    heard_at: datetime
    is_heard: bool = Field(description="Whether it was heard within the last 20 s.")
    condition: str = Field(
        description="`ready`, `connected`, `stands by`, `starting`, `hindered`, `broker away`, "
        "`database away`, `Prefect away`, `ended` or `away`."
    )
    is_good: bool = Field(description="Whether nothing is to be done about it.")
    since: datetime | None = Field(description="Since when it is so; null: that is not known.")
    reasons: list[str] = Field(description="What hinders it.")
    broker: str | None = Field(description="The bridge's broker.")
    version: VersionView | None = Field(description="The code that it runs; null: it does not say.")
    runs_other_code: str = Field(
        description="What is to be done where that is not the web tier's, in words; else empty."
    )


class CredentialView(BaseModel):
    """A credential of the ops side, as a worker said."""

    kind: str
    not_after: datetime | None
    problem: str | None = Field(description="Why it cannot be used.")
    is_renewed: bool = Field(description="Whether it is renewed without anybody's doing.")
    said_by: str
    said_at: datetime


class LegView(BaseModel):
    """A leg of the canary's walk."""

    leg: str
    state: str = Field(description="`passed`, `failed`, `unknown` or `skipped`.")
    seconds: float
    text: str = Field(description="What was found.")


class CanaryView(BaseModel):
    """The last canary that has come back from every leg, or was lost."""

    request_id: int
    at: datetime = Field(description="When it came back.")
    state: str = Field(
        description="`passed`, `failed`, `unknown` (a service outside did not answer) or `skipped`."
    )
    error: str = Field(description="Which legs did not pass, and why.")
    legs: list[LegView]


class EditView(BaseModel):
    """What was edited in Prefect of a deployment, of the pool or of a queue."""

    deployment: str = Field(
        description="The deployment; or e.g. `work pool prodops`, `work queue night`."
    )
    part: str = Field(
        description="`schedule`, `limit`, `queue`, `description`, `tags`, `parameters`, "
        "`concurrency options`, `priority` or `paused`."
    )
    now: str = Field(description="What it is in Prefect, in words.")
    declared: str = Field(description="What is declared, in words.")


class QueueView(BaseModel):
    """Open requests of an action in a state."""

    action: str
    state: RequestState
    count: int
    oldest: datetime


class QueuesView(BaseModel):
    """What waits, and for what."""

    requests: list[QueueView]
    set_aside: int = Field(description="Messages that were set aside and nobody has settled.")
    set_aside_oldest: datetime | None
    unpublished: int | None = Field(
        description="Events that the topic is still to get, as far as was looked; null: nothing "
        "is published."
    )
    unpublished_most: int = Field(description="So many events were looked at.")


class SetAsideView(BaseModel):
    """A message of the bus that could not be used."""

    id: int
    at: datetime
    destination: str
    message_id: str
    reason: str
    size_bytes: int
    is_whole: bool = Field(description="Whether all of its body was kept; else only its begin.")
    begin: str = Field(description="The begin of its body, as text.")
    state: SetAsideState
    settled_by: str | None
    settled_at: datetime | None
    request_id: int | None = Field(description="The open request that settles it.")


class SetAsideMessageView(SetAsideView):
    """A message of the bus that could not be used, with all that was kept of it."""

    body: str = Field(description="Its body as text; what is no UTF-8 in it is replaced.")


class EventView(BaseModel):
    """An event, and what it says in one line."""

    id: int
    at: datetime
    msg_type: str
    namespace: str | None
    run_id: str | None
    sender: str | None
    what: str


class SystemView(BaseModel):
    """The state of the system."""

    state: Literal["good", "waiting", "away"]
    text: str = Field(description="How all is, in sentences.")
    at: datetime
    version: VersionView = Field(description="The code that the web tier runs.")
    parts: list[PartView]
    credentials: list[CredentialView]
    canary: CanaryView | None = Field(description="Null: none has come back yet.")
    edits: list[EditView] = Field(description="What was edited in Prefect.")
    agents: list[AgentLine] = Field(description="The last heard, by their names.")
    queues: QueuesView
    open_requests: list[RequestView] = Field(description="The newest.")
    failed_requests: list[RequestView] = Field(description="The newest of the last 24 hours.")
    set_aside: list[SetAsideView] = Field(description="The newest that nobody has settled.")
    events: list[EventView] = Field(description="The newest, the last first.")
    last_event_id: int
