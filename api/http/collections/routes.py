"""The routes of one collection that agents read and write: list, detail, POST, PUT, PATCH, DELETE.

A resource says what is particular to a collection; the codes and texts are those of Django REST
framework (fastmon contract section 3.1).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http import fields, lists
from api.http.access import AgentWriter, Reader
from api.http.collections import store
from api.http.collections.store import Collection, Key, Record
from api.http.errors import Problem, refusals
from api.http.forms import Body, Sent, partial
from api.http.forms import body as _body
from api.http.routers import PrefixRouter
from api.http.sessions import session_of, take_in
from api.http.silence import RestRoute

_DETAIL: Final = "/{key}/"
_MERGED: Final = ("metadata",)


def _whole_number(text: str) -> int | None:
    small = text.isascii() and text.isdecimal() and len(text) <= len(str(fields.MAX_INTEGER))
    return int(text) if small and int(text) <= fields.MAX_INTEGER else None


def _name(text: str) -> str | None:
    return None if "\x00" in text or len(text) > fields.LONGEST else text


_KEYS: Final[dict[type, tuple[Callable[[str], Key | None], dict[str, Any]]]] = {
    uuid.UUID: (store.as_uuid, {"type": "string", "format": "uuid"}),
    int: (_whole_number, {"type": "integer", "minimum": 1}),
    str: (_name, {"type": "string", "minLength": 1, "maxLength": fields.LONGEST}),
}
"""How the key in a path is read, and its OpenAPI schema, by the type of its column."""


def _as_sent(_session: Session, values: dict[str, Any]) -> dict[str, Any]:
    return values


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What is particular to one collection."""

    path: str
    collection: Collection
    view: type[BaseModel]
    form: type[BaseModel]
    example: dict[str, Any]
    changes_example: dict[str, Any]
    remove: Callable[[Session, Key], None] | None = None
    """Deletes a row, where more is to be done than to delete it."""
    resolve: Callable[[Session, dict[str, Any]], dict[str, Any]] = _as_sent
    """Puts keys in the place of what a body names otherwise."""

    def key(self, request: Request) -> Key:
        """The key in the request's path.

        Raises:
            NotFound: It cannot be one.
        """
        read, _schema = _KEYS[self.collection.key.type.python_type]
        key = read(request.path_params["key"])
        if key is None:
            raise self.collection.not_found()
        return key

    def delete(self, session: Session, key: Key) -> None:
        """Delete the row of that key.

        Raises:
            ProdOpsError: There is none, or it may not be deleted.
        """
        if self.remove is None:
            store.remove(session, self.collection, key)
        else:
            self.remove(session, key)

    def columns_of(self, session: Session, sent: dict[str, Any]) -> dict[str, Any]:
        """The values that were sent, by column."""
        values = self.resolve(session, sent)
        columns = self.collection.columns
        return {columns.get(name, name): value for name, value in values.items()}


# ------------------------------------------------------------------ routes


def make_router(resource: Resource, *, removal: str = "", conflict: str = "") -> APIRouter:
    """The resource's routes.

    Args:
        resource: What is particular to it.
        removal: What else the deletion of a row deletes, and when it may not be.
        conflict: Why a row may not be written: the description of 409.
    """
    router = make_reading_router(resource)
    _add_writing(router, resource, removal, conflict)
    return router


def make_reading_router(resource: Resource) -> APIRouter:
    """The routes of the resource that read it."""
    prefix = f"/api/{resource.path}"
    router = PrefixRouter(route_class=RestRoute, prefix=prefix, tags=[resource.path])
    _add_reading(router, resource)
    return router


def _add_reading(router: APIRouter, resource: Resource) -> None:
    view: Any = resource.view
    words = resource.collection.words

    @router.get(
        "/",
        summary=f"List {words}s",
        response_model=list[view] | lists.Page[view],
        responses=_refusals(400, 403),
        openapi_extra={"parameters": lists.parameters(resource.collection)},
    )
    def list_rows(request: Request, _caller: Reader) -> Response:
        """All as a bare array, oldest first; with `limit`, a page with its links."""
        return lists.answer(request, resource.collection, resource.view)

    @router.get(
        _DETAIL,
        summary=f"One {words}",
        response_model=view,
        responses=_refusals(403, 404),
        openapi_extra=_key_parameter(resource),
    )
    def get_row(request: Request, _caller: Reader) -> BaseModel:
        with session_of(request) as session:
            row = store.get(session, resource.collection, resource.key(request))
        return resource.view.model_validate(row)


def _add_writing(router: APIRouter, resource: Resource, removal: str, conflict: str) -> None:
    words = resource.collection.words

    @router.post(
        "/",
        status_code=201,
        summary=f"Register one {words}",
        response_model=resource.view,
        responses=_refusals(400, 403, 415),
        openapi_extra=_body(resource.form, resource.example),
    )
    async def add_row(request: Request, _caller: AgentWriter, body: Sent) -> BaseModel:
        """Unknown keys are ignored. Times without a zone are taken to be in UTC."""
        sent = body.read(resource.form)

        def add(session: Session) -> Record:
            return store.add(session, resource.collection, resource.columns_of(session, sent))

        return resource.view.model_validate(await take_in(request, add))

    @router.put(
        _DETAIL,
        summary=f"Set the fields of one {words}",
        response_model=resource.view,
        responses=_refusals(400, 403, 404, 415, conflict=conflict),
        openapi_extra=_key_parameter(resource) | _body(resource.form, resource.example),
    )
    async def replace_row(request: Request, _caller: AgentWriter, body: Sent) -> BaseModel:
        """JSON objects are replaced. Optional fields that were not sent keep their values."""
        return await _write(request, resource, body, resource.form, merge=())

    @router.patch(
        _DETAIL,
        summary=f"Change one {words}",
        response_model=resource.view,
        responses=_refusals(400, 403, 404, 415, conflict=conflict),
        openapi_extra=_key_parameter(resource)
        | _body(partial(resource.form), resource.changes_example),
    )
    async def change_row(request: Request, _caller: AgentWriter, body: Sent) -> BaseModel:
        """Only fields that were sent change; a `metadata` object is merged into the stored one."""
        return await _write(request, resource, body, partial(resource.form), merge=_MERGED)

    @router.delete(
        _DETAIL,
        status_code=204,
        summary=f"Delete one {words}",
        description=removal,
        responses=_refusals(403, 404, conflict=conflict),
        openapi_extra=_key_parameter(resource),
    )
    async def delete_row(request: Request, _caller: AgentWriter) -> None:
        key = resource.key(request)
        await take_in(request, lambda session: resource.delete(session, key))


async def _write(
    request: Request, resource: Resource, body: Body, form: type[BaseModel], *, merge: Sequence[str]
) -> BaseModel:
    key = resource.key(request)

    def write(session: Session) -> Record:
        store.get(session, resource.collection, key)
        values = resource.columns_of(session, body.read(form))
        values.pop(resource.collection.key.name, None)  # the path says which
        return store.change(session, resource.collection, key, values, merge=merge)

    return resource.view.model_validate(await take_in(request, write))


# ------------------------------------------------------------------ OpenAPI


def _refusals(*codes: int, conflict: str = "") -> dict[int | str, dict[str, Any]]:
    found = refusals(*codes)
    if 400 in found:  # noqa: PLR2004
        found[400] = {**found[400], "description": "What is wrong, by field."}
    if conflict:
        found[409] = {"model": Problem, "description": conflict}
    return found


def _key_parameter(resource: Resource) -> dict[str, Any]:
    _read, schema = _KEYS[resource.collection.key.type.python_type]
    text = f"`{resource.collection.key.name}` of the {resource.collection.words}."
    parameter = {
        "name": "key", "in": "path", "required": True, "description": text, "schema": schema
    }  # fmt: skip
    return {"parameters": [parameter]}
