"""What the routes of the embedded PCS share: who writes, and how names and keys are read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.routing import APIRoute
from fastapi.types import DecoratedCallable
from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from api.http.access import Requester
from api.http.errors import Rejection, writing
from api.http.fields import MAX_INTEGER
from api.http.forms import body
from api.http.sessions import settings_of
from api.http.silence import RestRoute
from api.pcs.domain.refusals import in_one_text
from api.pcs.errors import NoTaskNamed, TaskNotFound
from api.pcs.queries.rows import key_of
from api.pcs.services.access import Actor
from blocks.errors import Invalid

PREFIX: Final = "/pcs/api"
_BAD: Final = 400


class _Action(APIRoute):
    """A step of a record, which says in one text what is wrong; records say it by field.

    So does the original, whose steps are services and whose records are serializers.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except Invalid as error:
                raise Rejection(_BAD, {"detail": in_one_text(error.fields)}) from None
            except Rejection as error:
                if error.status != _BAD or "detail" in error.body:
                    raise
                raise Rejection(_BAD, {"detail": in_one_text(error.body)}) from None

        return handle


class PcsRouter(APIRouter):
    """Routes that are served without their trailing slash too, whatever their last part holds.

    A name may hold a dot, and then no slash is put after it on the way in.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=RestRoute, **options)

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
        """Decorate a POST that is a step of a record, and describe the body that its form reads."""
        extra = body(form, example) if form is not None else None
        described = {"summary": summary, "responses": writing(), "openapi_extra": extra}

        def decorate(endpoint: DecoratedCallable) -> DecoratedCallable:
            self.add_api_route(
                path,
                endpoint,
                methods=["POST"],
                route_class_override=_Action,
                **described | options,
            )
            return endpoint

        return decorate


async def _writer(request: Request, caller: Requester) -> Actor:
    return Actor(caller, is_relaxed=settings_of(request).pcs.relaxed)


Writer = Annotated[Actor, Depends(_writer)]
# What is no key names no record: it is not found, as in the original, and not malformed.
_KEY: Final = BeforeValidator(lambda text: key_of(text) or 0)
RowKey = Annotated[
    int, _KEY, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_INTEGER}), Path()
]
_Digit = Annotated[
    int, _KEY, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 9}), Path()
]
Name = Annotated[str, Path(max_length=5000)]


@contextmanager
def named_in_query(name: str) -> Iterator[None]:
    """Say of a task that the query names, and that is not there, what the original says."""
    try:
        yield
    except TaskNotFound:
        raise NoTaskNamed(name) from None


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


async def by_digit(digit: _Digit) -> int:
    """The digit `{digit}`."""
    return digit
