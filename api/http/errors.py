"""How the web tier says no: the one place that knows what an error is in HTTP."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from blocks.errors import (
    Forbidden,
    Invalid,
    NotFound,
    OutsideUnavailable,
    ProdOpsError,
    Refused,
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
RETRY_SECONDS: Final = "2"


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


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
    app.add_exception_handler(Rejection, _rejection)
    app.add_exception_handler(Invalid, _fields)
    app.add_exception_handler(OutsideUnavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(HTTPException, _http)


def _of_kind(status: int, _request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProdOpsError)  # noqa: S101 - what the handler is registered for
    return JSONResponse({"detail": str(error), **error.details}, status)


def _rejection(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Rejection)  # noqa: S101
    return JSONResponse(error.body, error.status, error.headers)


def _fields(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Invalid)  # noqa: S101
    return JSONResponse(error.fields, 400)


def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": RETRY_SECONDS})


def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    """A value that PostgreSQL cannot hold, where no field's own check named it."""
    assert isinstance(error, DataError)  # noqa: S101
    reason = str(error.orig).strip().split("\n", maxsplit=1)[0]
    return JSONResponse({"detail": f"a value cannot be stored: {reason}"}, 400)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields: Errors = {}
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
        fields.setdefault(name, []).append(str(item["msg"]).removeprefix("Value error, "))
    return JSONResponse(fields, 400)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


# ------------------------------------------------------------------ OpenAPI


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Errors | Problem, "description": "What is wrong, by field if it is about one."},
    403: {"model": Problem, "description": "Not permitted, or an invalid token."},
    404: {"model": Problem, "description": "Not found."},
    409: {"model": Problem, "description": "It contradicts what is recorded, or is ambiguous."},
    415: {"model": Problem, "description": "The body is not sent as application/json."},
    503: {"model": Problem, "description": "The database is not reachable; try again."},
}


def reading(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that reads."""
    return {code: _REFUSALS[code] for code in (400, 403, *codes, 503)}


def writing(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that writes."""
    return {code: _REFUSALS[code] for code in (400, 403, 404, 409, 415, *codes, 503)}
