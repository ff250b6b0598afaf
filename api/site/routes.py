"""Whether this API process can do its job."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.http.access import Reader
from api.http.errors import Unavailable, refusals
from api.http.sessions import take_in
from api.http.silence import unless_silent
from api.http.standing import OpsStanding, standing_of
from api.http.stream import Feed
from flows.common.database_errors import DatabaseState, DatabaseUnavailable

router = APIRouter(prefix="/api/health", tags=["health"])

_IS_READ_ONLY: Final = text(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
)
_HIDDEN: Final = {DatabaseState.FULL, DatabaseState.BUSY}


class Health(BaseModel):
    """Whether the database answers, and the position of the stream's feed."""

    status: Literal["ok"]
    version: str
    last_event_id: int


@router.get("/", summary="Health", responses=refusals())
async def health(request: Request) -> Health:
    """200 when the database takes reads and writes, else 503; then `database` says in what state.

    `away`, `read_only`, `full`, `busy` (all connections are in use) or `conflict`.
    """
    if await unless_silent(request, lambda: take_in(request, _is_read_only)):
        raise DatabaseUnavailable("the database is read-only for now", DatabaseState.READ_ONLY)
    _raise_recent(request)
    feed: Feed = request.app.state.feed
    return Health(status="ok", version=version("epic-prodops"), last_event_id=feed.last_id)


def _is_read_only(session: Session) -> bool:
    return bool(session.scalar(_IS_READ_ONLY))


def _raise_recent(request: Request) -> None:
    """Say again what was answered just now, where a look at the database does not show it."""
    last: Unavailable | None = request.app.state.last_unavailable
    if last is not None and last.is_recent and last.is_of(*_HIDDEN):
        raise last.error


@router.get("/operations/", summary="How the ops side stands")
async def operations(request: Request, response: Response, _reader: Reader) -> OpsStanding:
    """Whether a worker and the relay are heard, whether Prefect answers, and what waits since when.

    `text` says it in a sentence; it is at most two seconds old.
    """
    response.headers["Cache-Control"] = "no-store"
    return await standing_of(request)
