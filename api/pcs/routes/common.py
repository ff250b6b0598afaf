"""What the routes of the embedded PCS share: who asks, their transaction, bodies and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AfterValidator, BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.http.access import Caller, gatekeeper
from api.http.errors import Refusal
from api.http.forms import Body, Errors, read_body
from api.pcs.services.access import Actor
from api.pcs.services.errors import Conflict
from flows.common.database import transaction
from flows.common.settings import Settings
from flows.common.text import keepable

PREFIX: Final = "/pcs/api"
_MAX_KEY: Final = 2**31 - 1
_TAKEN: Final = "23505"  # PostgreSQL: unique_violation


class PcsRouter(APIRouter):
    """Routes that are served without their trailing slash too, whatever their last part holds.

    A name may hold a dot, and then no slash is put after it on the way in.
    """

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route; one that ends in a name, without its slash as well."""
        super().add_api_route(path, endpoint, **options)
        if path.endswith("}/"):
            hidden = options | {"include_in_schema": False}
            super().add_api_route(path.removesuffix("/"), endpoint, **hidden)


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


async def _reader(request: Request) -> Caller:
    return await gatekeeper(request).reader(request)


async def _writer(request: Request) -> Actor:
    caller = await gatekeeper(request).writer(request)
    return Actor(
        caller.name,
        is_service=bool(caller.service),
        is_relaxed=settings_of(request).pcs.relaxed,
    )


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Actor, Depends(_writer)]
Sent = Annotated[Body, Depends(read_body)]
RowKey = Annotated[int, Path(ge=1, le=_MAX_KEY)]
Name = Annotated[str, Path(max_length=5000)]
Filter = Annotated[str, AfterValidator(keepable)]


def settings_of(request: Request) -> Settings:
    """The settings of the app that serves the request."""
    settings: Settings = request.app.state.settings
    return settings


@contextmanager
def session_of(request: Request) -> Iterator[Session]:
    """One transaction of the request.

    Raises:
        Conflict: What is written was taken or used by another meanwhile.
    """
    try:
        with transaction(request.app.state.engine) as session:
            yield session
    except IntegrityError as error:
        raise Conflict(_reason(error)) from None


def _reason(error: IntegrityError) -> str:
    detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or "in the way"
    is_taken = getattr(error.orig, "sqlstate", None) == _TAKEN
    return f"It was taken meanwhile: {detail}" if is_taken else f"It is in use: {detail}"


def required(name: str | None, form: dict[str, Any] | None = None) -> str:
    """The task's name, from the query or the body.

    Raises:
        Refusal: 400, where neither names one.
    """
    named = name or (form or {}).get("name")
    if not named:
        raise Refusal(400, {"detail": "Missing ?name="})
    return str(named)


# ------------------------------------------------------------------ OpenAPI


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Errors | Problem, "description": "What is wrong, by field where it is one's."},
    403: {"model": Problem, "description": "No right to do this, or a token that is not good."},
    404: {"model": Problem, "description": "There is none of that name or key."},
    409: {"model": Problem, "description": "It contradicts what is recorded, or is ambiguous."},
    415: {"model": Problem, "description": "The body is not sent as application/json."},
    503: {"model": Problem, "description": "The database is away; try again."},
}


def reading(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that reads."""
    return {code: _REFUSALS[code] for code in (400, 403, *codes, 503)}


def writing(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that writes."""
    return {code: _REFUSALS[code] for code in (400, 403, 404, 409, 415, *codes, 503)}


def body(form: type[BaseModel], example: dict[str, Any] | None = None) -> dict[str, Any]:
    """The description of a body that a form reads."""
    content: dict[str, Any] = {"schema": form.model_json_schema()}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
