"""Requests as every capability shows them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.common import actions, models
from flows.common.models import OPEN, RequestState
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
    waits_for: str | None = Field(None, description="What keeps it from being worked on, if known.")
    created_at: datetime
    claimed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


def triggered(accepted: Accepted, settings: Settings) -> Triggered:
    """The answer to what was asked for."""
    url = f"{settings.stack.root_path}/api/requests/{accepted.id}/"
    return Triggered(request_id=accepted.id, state=accepted.state, url=url, is_new=accepted.is_new)


def view(row: models.Request, settings: Settings) -> RequestView:
    """The request with a link to its flow run in Prefect's UI, where one is configured."""
    shown = RequestView.model_validate(row)
    if row.state in OPEN and row.action not in actions.all_actions():
        shown.waits_for = f"no worker of this version knows the action {row.action}"
    shown.flow_run_url = settings.prefect.flow_run_url(row.flow_run_id)
    return shown
