"""Agents' log records. Anybody may send them, so that their rate, size and number are bounded.

Source: fastmon contract section 3.5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from api.agents.queries import logs
from api.http.access import Reader
from api.http.background import running
from api.http.collections.routes import Resource, make_reading_router
from api.http.errors import Problem, Rejection, refusals
from api.http.fields import (
    BigNumber,
    FilledParagraph,
    JsonObject,
    Time,
    UtcTime,
    WholeNumber,
    Word50,
    Word100,
    Word255,
    refuse,
    shown,
)
from api.http.forms import body as _body
from api.http.forms import read_body
from api.http.group_commit import GroupCommit
from api.http.rate import Rate
from api.http.routers import PrefixRouter
from api.http.sessions import read
from api.http.silence import RestRoute
from flows.common.settings import AgentsSettings

Records = GroupCommit[Mapping[str, Any], int]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = app.state.settings
    app.state.log_rate = Rate(settings.agents.logs_per_second)
    app.state.log_records = Records(
        app.state.reserve,
        partial(logs.add, keep=settings.agents.log_rows),
        what="log records",
        most_bytes=settings.stream.intake_bytes,
    )
    async with running(app.state.log_records.run()):
        yield


router = APIRouter(lifespan=_lifespan)
_logs = PrefixRouter(route_class=RestRoute, prefix="/api/logs", tags=["logs"])

_LEVELS: Final = (0, 10, 20, 30, 40, 50)


def _level(value: object) -> int:
    for level in _LEVELS:
        if not isinstance(value, bool) and str(value) == str(level):
            return level
    raise refuse(f'"{shown(value)}" is not a valid choice.')


Level = Annotated[
    int, PlainValidator(_level), WithJsonSchema({"type": "integer", "enum": [*_LEVELS]})
]


class LogForm(BaseModel):
    """The fields of a log record, as Python's logging has them."""

    app_name: Word100 = Field(description="The application's name.")
    instance_name: Word100 = Field(description="The agent's name.")
    timestamp: Time = Field(description="When it was logged.")
    level: Level = Field(0, description="Its level, as a number.")
    levelname: Word50 = Field(description="Its level, as a word.")
    message: FilledParagraph = Field(description="What it says.")
    module: Word255 = Field(description="The module that logged it.")
    funcname: Word255 = Field(description="The function that logged it.")
    lineno: WholeNumber = Field(description="The line that logged it.")
    process: WholeNumber = Field(description="The process that logged it.")
    thread: BigNumber = Field(description="The thread that logged it.")
    extra_data: JsonObject | None = Field(None, description="Other information.")


class LogView(BaseModel):
    """A log record."""

    id: int
    app_name: str
    instance_name: str
    timestamp: UtcTime
    level: int
    levelname: str
    message: str
    module: str
    funcname: str
    lineno: int
    process: int
    thread: int
    extra_data: Any


class RecentError(BaseModel):
    """A log record of an error, in short."""

    timestamp: UtcTime
    levelname: str
    message: str
    module: str
    funcname: str
    lineno: int


class InstanceSummary(BaseModel):
    """What an instance logged: records by level, and its newest errors."""

    error_counts: dict[str, int]
    recent_errors: list[RecentError]


Summary = dict[str, dict[str, InstanceSummary]]
"""By the name of the application, and by that of the instance."""

_EXAMPLE: Final = {
    "app_name": "base_agent",
    "instance_name": "data-agent-daq-12",
    "timestamp": "2026-08-01T12:00:00Z",
    "level": 20,
    "levelname": "INFO",
    "message": "Connected to ActiveMQ",
    "module": "base_agent",
    "funcname": "run",
    "lineno": 334,
    "process": 4711,
    "thread": 139872,
    "extra_data": {"username": "daq", "run_id": "100123"},
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    **refusals(400, 415),
    413: {"description": "The record is too large."},
    429: {"model": Problem, "description": "More is logged than is taken in a second."},
}


@_logs.get("/summary/", summary="Log records by level, and the newest errors")
async def summarize(request: Request, _caller: Reader) -> Summary:
    """Of each instance of each application: its records by level, and its newest five errors.

    Counted are the newest 2,000 records of all.
    """
    counts = await read(request, logs.count_by_level)
    errors = await read(request, logs.recent_errors)
    summary: Summary = {}
    for app, instance in sorted({*counts, *errors}):
        recent = [RecentError.model_validate({**row}) for row in errors.get((app, instance), [])]
        by_level = counts.get((app, instance), {})
        found = InstanceSummary(error_counts=by_level, recent_errors=recent)
        summary.setdefault(app, {})[instance] = found
    return summary


@_logs.post(
    "/",
    status_code=201,
    summary="Log a record",
    response_model=LogView,
    responses=_REFUSALS,
    openapi_extra=_body(LogForm, _EXAMPLE),
)
async def log(request: Request) -> Response:
    """Takes no token, and ignores one. So many are taken in a second, and the newest are kept."""
    body = await read_body(request)
    settings: AgentsSettings = request.app.state.settings.agents
    if len(body.raw) > settings.log_record_bytes:
        text = f"is larger than {settings.log_record_bytes} bytes"
        raise Rejection(413, {"body": [text]})
    record = body.parse(LogForm).model_dump()
    rate: Rate = request.app.state.log_rate
    if not rate.admits():
        text = f"more than {settings.logs_per_second:g} log records in a second"
        raise Rejection(429, {"detail": text}, {"Retry-After": "1"})
    waiting: Records = request.app.state.log_records
    number = await waiting.take(record, size_bytes=len(body.raw))
    view = LogView.model_construct(id=number, **record)  # the form has checked it
    return Response(view.model_dump_json(), 201, media_type="application/json")


router.include_router(_logs)  # first: `summary` is no key
router.include_router(
    make_reading_router(
        Resource(
            path="logs",
            collection=logs.LOGS,
            view=LogView,
            form=LogForm,
            example=_EXAMPLE,
            changes_example={},
        )
    )
)
