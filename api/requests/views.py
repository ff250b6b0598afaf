"""Requests as every capability shows them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.requests.domain import Wait
from api.requests.queries import waits
from flows.common import models
from flows.common.models import RequestState
from flows.common.requests import Accepted
from flows.common.settings import Settings


class Triggered(BaseModel):
    """The request for the log: a new one, or the open one that was joined."""

    request_id: int
    state: RequestState
    url: str
    is_new: bool


class RequestView(BaseModel):
    """A request, as everybody may see it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    action: str
    parameters: Any = Field(
        description="An object by its action's form; a row of another shape is shown as it is."
    )
    subject: str | None
    requested_by: str
    source: str
    state: RequestState
    attempts: int
    successor_id: int | None
    flow_run_id: uuid.UUID | None
    flow_run_url: str | None = None
    result: Any
    error: str | None
    waits_for: str | None = Field(None, description="What it waits for; null: it does not wait.")
    waits_since: datetime | None = Field(None, description="Since when it waits for that.")
    not_before: datetime | None = Field(None, description="It is not worked on before then.")
    created_at: datetime
    claimed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


def triggered(accepted: Accepted, settings: Settings) -> Triggered:
    """The answer to what was asked for."""
    url = f"{settings.stack.root_path}/api/requests/{accepted.id}/"
    return Triggered(request_id=accepted.id, state=accepted.state, url=url, is_new=accepted.is_new)


def view(session: Session, row: models.Request, settings: Settings) -> RequestView:
    """The request with what it waits for, and a link to its flow run in Prefect's UI."""
    [found] = views(session, [row], settings)
    return found


def views(
    session: Session, rows: Sequence[models.Request], settings: Settings
) -> list[RequestView]:
    """The requests of a page; what they wait for is read for all of them at once."""
    waiting = waits(session, rows)
    return [_view(row, waiting.get(row.id), settings) for row in rows]


def _view(row: models.Request, wait: Wait | None, settings: Settings) -> RequestView:
    found = RequestView.model_validate(row)
    if wait is not None:
        found.waits_for, found.waits_since = wait.text, wait.since
    found.flow_run_url = settings.prefect.flow_run_url(row.flow_run_id)
    return found
