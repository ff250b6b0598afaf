"""Whether this API process can do its job."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from api.http.access import Reader
from api.http.standing import OpsStanding, standing_of
from flows.common.database import transaction

router = APIRouter(prefix="/api/health", tags=["health"])


class Health(BaseModel):
    """Whether the database answers, and the position of the stream's feed."""

    status: Literal["ok"]
    version: str
    last_event_id: int


@router.get("/", summary="Health")
def health(request: Request) -> Health:
    """200 when the database answers, else 503."""
    with transaction(request.app.state.engine) as session:
        session.execute(text("SELECT 1"))
    return Health(
        status="ok", version=version("epic-prodops"), last_event_id=request.app.state.feed.last_id
    )


@router.get("/operations/", summary="How the ops side stands")
async def operations(request: Request, response: Response, _reader: Reader) -> OpsStanding:
    """Whether a worker and the relay are heard, whether Prefect answers, and what waits since when.

    `text` says it in a sentence; it is at most two seconds old.
    """
    response.headers["Cache-Control"] = "no-store"
    return await standing_of(request)
