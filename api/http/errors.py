"""How the web tier says no: the one place that knows what an error is in HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from blocks.errors import Forbidden, Invalid, NotFound, OutsideUnavailable, ProdOpsError, Refused
from flows.common.database import now
from flows.common.database_errors import (
    DatabaseState,
    DatabaseUnavailable,
    StatementTooSlow,
    is_of_value,
)

Errors = dict[str, list[str]]
"""What is wrong, by field."""

_STATUS: Final[dict[type[ProdOpsError], int]] = {
    ProdOpsError: 400,
    Forbidden: 403,
    NotFound: 404,
    Refused: 409,
}
"""Status of each kind of error; the nearest class of an error counts."""
PASSING: Final = (OutsideUnavailable, StatementTooSlow)
"""The errors that are answered 503: the same again may succeed."""
RETRY_SECONDS: Final = "2"
_RECENT_SECONDS: Final = 15.0
_NOT_ALLOWED: Final = 405


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


@dataclass(frozen=True)
class Unavailable:
    """What was answered 503 last, and since when without a pause."""

    error: ProdOpsError
    since: datetime = field(default_factory=now)
    at: float = field(default_factory=time.monotonic)

    @property
    def is_recent(self) -> bool:
        """Whether it was so just now."""
        return time.monotonic() - self.at <= _RECENT_SECONDS

    def is_of(self, *states: DatabaseState) -> bool:
        """Whether a state of the database was the reason."""
        return isinstance(self.error, DatabaseUnavailable) and self.error.state in states


class Rejection(ProdOpsError):
    """An answer other than success, with its body; raised by what speaks HTTP anyway."""

    def __init__(
        self, status: int, body: dict[str, object], headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        super().__init__(f"{status}: {body}")


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every bad request, as JSON that names what is wrong."""
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, partial(_of_kind, status))

    @app.exception_handler(Rejection)
    def rejection(_request: Request, error: Rejection) -> JSONResponse:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(Invalid)
    def fields(_request: Request, error: Invalid) -> JSONResponse:
        return JSONResponse(error.fields, 400)

    for passing in PASSING:
        app.add_exception_handler(passing, _unavailable)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        found: Errors = {}
        for item in error.errors():
            name = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
            found.setdefault(name, []).append(str(item["msg"]).removeprefix("Value error, "))
        return JSONResponse(found, 400)

    app.add_exception_handler(DBAPIError, _unstorable)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        text = error.detail
        if error.status_code == _NOT_ALLOWED:
            text = f'Method "{request.method}" not allowed.'  # as Django REST framework says it
        return JSONResponse({"detail": text}, error.status_code, error.headers)


def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    """A value that PostgreSQL cannot hold, where no field's own check named it."""
    assert isinstance(error, DBAPIError)  # noqa: S101 - what the handler is registered for
    if not is_of_value(error):
        raise error
    reason = str(error.orig).strip().split("\n", maxsplit=1)[0]
    return JSONResponse({"detail": f"a value cannot be stored: {reason}"}, 400)


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProdOpsError)  # noqa: S101 - what the handler is registered for
    note(request, error)
    body = {"detail": str(error), **error.details}
    return JSONResponse(body, 503, {"Retry-After": RETRY_SECONDS})


def note(request: Request, error: ProdOpsError) -> None:
    """Keep what was answered 503, for the health of this process to tell."""
    last: Unavailable | None = request.app.state.last_unavailable
    if last is not None and last.error is error:
        return  # health says the last one again
    goes_on = last is not None and last.is_recent and last.error.details == error.details
    since = last.since if last is not None and goes_on else now()
    request.app.state.last_unavailable = Unavailable(error, since)


def _of_kind(status: int, _request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProdOpsError)  # noqa: S101 - what the handler is registered for
    return JSONResponse({"detail": str(error), **error.details}, status)


# ------------------------------------------------------------------ OpenAPI


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Errors | Problem, "description": "What is wrong, by field if it is about one."},
    403: {"model": Problem, "description": "Not permitted, or an invalid token."},
    404: {"model": Problem, "description": "Not found."},
    409: {"model": Problem, "description": "It contradicts what is recorded, or is ambiguous."},
    415: {"model": Problem, "description": "The body is not sent as application/json."},
    503: {"model": Problem, "description": "The database does not do it now; try again."},
}


def reading(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that reads."""
    return refusals(400, 403, *codes)


def writing(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that writes."""
    return refusals(400, 403, 404, 409, 415, *codes)


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that answers these, and 503."""
    return {code: _REFUSALS[code] for code in (*codes, 503)}
