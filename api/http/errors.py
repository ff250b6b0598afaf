"""How the web tier says no: one place that knows HTTP, for the errors that the rest raises."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from api.pcs.domain.effective import ConfigNotOfForm
from api.pcs.services import errors as pcs
from blocks.errors import OutsideUnavailable, ProdOpsError
from flows.common import actions, requests
from flows.fastmon import schemas

_RETRY_SECONDS = "2"


class Refusal(ProdOpsError):
    """An answer other than success, with its body."""

    def __init__(
        self, status: int, body: dict[str, object], headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        super().__init__(f"{status}: {body}")


def install(app: FastAPI) -> None:
    """Answer every error of ours, and every bad request, as JSON that names what is wrong."""
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(OutsideUnavailable, _unavailable)
    app.add_exception_handler(ProdOpsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(HTTPException, _http)


def _refusal(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)  # noqa: S101 - what the handler is registered for
    return JSONResponse(error.body, error.status, error.headers)


def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": _RETRY_SECONDS})


def _ours(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, schemas.MessageRefused | actions.BadParameters | pcs.BadFields):
        return JSONResponse(error.fields, 400)
    body: dict[str, object] = {"detail": str(error)}
    if isinstance(error, ConfigNotOfForm):
        body |= {name: [why] for name, why in error.problems.items()}
    if isinstance(error, pcs.AmbiguousIdentity):
        body["candidates"] = error.candidates
    return JSONResponse(body, _status(error))


def _status(error: Exception) -> int:
    if isinstance(error, requests.RequestNotFound | actions.UnknownAction | pcs.RecordNotFound):
        return 404
    if isinstance(error, pcs.NotOwner):
        return 403
    return 409 if isinstance(error, actions.Refused | pcs.Conflict) else 400


def _unstorable(_request: Request, error: Exception) -> JSONResponse:
    """A value that PostgreSQL cannot hold, where no field's own check named it."""
    assert isinstance(error, DataError)  # noqa: S101
    reason = str(error.orig).strip().split("\n", maxsplit=1)[0]
    return JSONResponse({"detail": f"a value cannot be stored: {reason}"}, 400)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    fields: dict[str, list[str]] = {}
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
        fields.setdefault(name, []).append(str(item["msg"]).removeprefix("Value error, "))
    return JSONResponse(fields, 400)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
