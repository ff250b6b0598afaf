"""Payload logs as programs see them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from api.payload_logs.files import OpenLog
from flows.common.models import RequestState
from flows.common.requests import Accepted
from flows.common.settings import Settings
from flows.payload_logs.domain import words
from flows.payload_logs.models import LocatedBy, LogState, PayloadLog, Step


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


class UnshownView(BaseModel):
    """Something in the archive that is not shown; the reason, where its name is a known one."""

    path: str
    size_bytes: int
    reason: str


class LogView(BaseModel):
    """What is known of a job's log; `members` is what can be read now, whatever the state.

    `binaries` are those of them that are no text, such as a zip of the pilot's.
    """

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
    located_by: LocatedBy
    unshown: list[UnshownView]
    unshown_count: int
    remarks: list[str]
    is_cached: bool
    version: str | None
    members: list[MemberView]
    binaries: list[str]
    archive_url: str | None
    page_url: str


def requested(pandaid: int, accepted: Accepted, settings: Settings) -> LogRequested:
    """The request that stands for a log that was asked for."""
    prefix = settings.stack.root_path
    return LogRequested(
        pandaid=pandaid,
        request_id=accepted.id,
        state=accepted.state,
        is_new=accepted.is_new,
        url=f"{prefix}/api/requests/{accepted.id}/",
        log_url=f"{prefix}/api/payload-logs/{pandaid}/",
    )


def log(row: PayloadLog, opened: OpenLog | None, settings: Settings) -> LogView:
    """A log by its row, and the members of it that are open, if it is in the cache."""
    prefix = settings.stack.root_path
    base = f"{prefix}/api/payload-logs/{row.pandaid}/"
    known = {name: getattr(row, name) for name in LogView.model_fields if hasattr(row, name)}
    known["members"] = _members(row, opened, base) if opened is not None else []
    return LogView(
        **known,
        binaries=[each.name for each in opened.members if not each.is_text] if opened else [],
        remarks=words.remarks_of(row),
        step_number=Step(row.step).number if row.step in set(Step) else 0,
        steps=len(Step),
        max_attempts=settings.payload_logs.max_attempts,
        request_url=f"{prefix}/api/requests/{row.request_id}/" if row.request_id else None,
        is_cached=opened is not None,
        version=opened.version if opened is not None else None,
        archive_url=f"{base}archive/" if opened is not None else None,
        page_url=f"{prefix}/panda/jobs/{row.pandaid}/log/",
    )


def _members(row: PayloadLog, opened: OpenLog, base: str) -> list[MemberView]:
    paths = {each.get("name"): each.get("path") for each in row.members}
    return [
        MemberView(
            name=each.name,
            path=paths.get(each.name),
            size_bytes=each.size_bytes,
            url=f"{base}members/{each.name}",
        )
        for each in opened.members
    ]
