"""What the routes of payload logs answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from flows.common.models import RequestState
from flows.payload_logs.models import LogState


class LogRequested(BaseModel):
    """The request for the log: a new one, or the open one that was joined."""

    pandaid: int
    request_id: int
    state: RequestState
    is_new: bool
    url: str
    log_url: str


class MemberView(BaseModel):
    """A file of a log: its name in the cache, and its path in the archive where it is known."""

    name: str
    path: str | None
    size_bytes: int
    url: str


class LogView(BaseModel):
    """What is known of a job's log; `members` is what can be read now, whatever the state."""

    pandaid: int
    jeditaskid: int | None
    scope: str | None
    lfn: str | None
    state: LogState
    step: str
    step_number: int
    steps: int
    step_text: str
    request_id: int | None
    request_url: str | None
    attempts: int
    max_attempts: int
    last_error: str | None
    rse: str | None
    size_bytes: int | None
    adler32: str | None
    looked_up_at: datetime | None
    fetched_at: datetime | None
    updated_at: datetime
    is_cached: bool
    version: str | None
    members: list[MemberView]
    archive_url: str | None
    page_url: str
