"""What the routes of the embedded PCS share: who writes, and how names and keys are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.types import DecoratedCallable
from pydantic import BaseModel

from api.http.access import Requester
from api.http.errors import writing
from api.http.fields import MAX_INTEGER
from api.http.forms import body
from api.http.sessions import settings_of
from api.pcs.services.access import Actor

PREFIX: Final = "/pcs/api"


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

    def writes(
        self,
        path: str,
        summary: str,
        form: type[BaseModel] | None = None,
        example: dict[str, Any] | None = None,
        **options: Any,
    ) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Decorate a POST that writes, and describe the body that its form reads."""
        extra = body(form, example) if form is not None else None
        described = {"summary": summary, "responses": writing(), "openapi_extra": extra}
        return self.post(path, **described | options)


async def _writer(request: Request, caller: Requester) -> Actor:
    return Actor(caller, is_relaxed=settings_of(request).pcs.relaxed)


Writer = Annotated[Actor, Depends(_writer)]
RowKey = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
Name = Annotated[str, Path(max_length=5000)]


# ------------------------------------------------------------------ keys in paths


async def by_pk(pk: RowKey) -> int:
    """The key `{pk}`."""
    return pk


async def by_name(name: Name) -> str:
    """The name `{name}`."""
    return name


async def by_number(number: RowKey) -> int:
    """The number `{number}`."""
    return number


async def by_digit(digit: Annotated[int, Path(ge=1, le=9)]) -> int:
    """The digit `{digit}`."""
    return digit
