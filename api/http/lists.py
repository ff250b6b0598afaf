"""Lists of a collection's rows: the filters, the page with its links, and the whole list.

The whole list is read and sent a thousand rows at a time, and holds no connection between: its
length is the table's, and its reader may be slow.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import PydanticCustomError
from sqlalchemy import Engine

from api.http import fields
from api.http.collections import store
from api.http.collections.store import Collection, Record, Values
from api.http.counts import MOST_COUNTED
from api.http.errors import Rejection
from api.http.links import page_link
from flows.common.database import transaction

_CHUNK_ROWS: Final = 1000
_MAX_LIMIT: Final = 10_000
_JSON: Final = "application/json"
# Peers send filters that the original ignores. One that is to keep testbeds apart must not be.
_NEVER_IGNORED: Final = frozenset({"namespace"})

View = TypeVar("View", bound=BaseModel)


class Page(BaseModel, Generic[View]):
    """A page of a list that was asked for with `limit`."""

    count: int = Field(description=f"How many rows there are; above {MOST_COUNTED:,}, an estimate.")
    next: str | None
    previous: str | None
    results: list[View]


def answer(request: Request, collection: Collection, view: type[BaseModel]) -> Response:
    """The list that the request asks for: a page where it says `limit`, else all as a bare array.

    A `limit` that is no number above 0 asks for no page, as in Django REST framework; an `offset`
    that is none is 0.

    Raises:
        Rejection: 400, naming the filter that cannot be read.
    """
    engine: Engine = request.app.state.engine
    wanted = _filters(request, collection)
    if limit := _positive(request, "limit", _MAX_LIMIT):
        offset = _positive(request, "offset", fields.MAX_BIG_INTEGER)
        page = _page(request, collection, wanted, limit, offset)
        return Response(Page[view].model_validate(page).model_dump_json(), media_type=_JSON)  # type: ignore[valid-type]
    return _whole(engine, collection, wanted, view)


def parameters(collection: Collection) -> list[dict[str, Any]]:
    """The OpenAPI description of the query parameters."""
    paging = {
        "limit": f"Answer a page of this many rows, at most {_MAX_LIMIT}.",
        "offset": "Rows to leave out before the page.",
    }
    filters = collection.filters.items()
    number = {"type": "integer", "minimum": 0}
    kinds = {name: _KINDS[each.column.type.python_type][1] for name, each in filters}
    kinds |= {"limit": {**number, "minimum": 1}, "offset": number}
    meanings = {name: each.meaning for name, each in filters}
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": kinds[name]}
        for name, text in (meanings | paging).items()
    ]


# ------------------------------------------------------------------ filters


def _filters(request: Request, collection: Collection) -> Values:
    for name in _NEVER_IGNORED - collection.filters.keys():
        if request.query_params.get(name):
            raise Rejection(400, {name: [f"There is no filter by {name} here."]})
    wanted = {}
    for name, each in collection.filters.items():
        if text := request.query_params.get(name):
            read, _schema = _KINDS[each.column.type.python_type]
            wanted[name] = read(name, text)
    return wanted


def _integer(name: str, text: str) -> int:
    digits, most = text if text.isascii() and text.isdecimal() else "", fields.MAX_INTEGER
    if not digits:
        raise Rejection(400, {name: ["Enter a number."]})
    if len(digits) > len(str(most)) or int(digits) > most:
        raise Rejection(400, {name: [f"Ensure this value is between 0 and {most}."]})
    return int(digits)


def _uuid(name: str, text: str) -> uuid.UUID:
    value = store.as_uuid(text)
    if value is None:
        raise Rejection(400, {name: [fields.UUID]})
    return value


def _boolean(name: str, text: str) -> bool:
    value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if value is None:
        raise Rejection(400, {name: [fields.BOOLEAN]})
    return value


def _time(name: str, text: str) -> datetime:
    try:
        # A zone's `+` that was not escaped arrives as a blank.
        return fields.utc(text[:11] + text[11:].replace(" ", "+"))
    except PydanticCustomError as error:
        raise Rejection(400, {name: [error.message()]}) from None


def _text(name: str, text: str) -> str:
    if "\x00" in text:
        raise Rejection(400, {name: [fields.NO_NUL]})
    return text


def _positive(request: Request, name: str, most: int) -> int:
    """The number that the query has, at most `most`; 0 where it has none."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        return 0
    return most if len(text.lstrip("0")) > len(str(most)) else min(int(text), most)


_KINDS: Final[dict[type, tuple[Callable[[str, str], Any], dict[str, Any]]]] = {
    int: (_integer, {"type": "integer", "minimum": 0, "maximum": fields.MAX_INTEGER}),
    uuid.UUID: (_uuid, {"type": "string", "format": "uuid"}),
    bool: (_boolean, {"type": "boolean"}),
    datetime: (_time, {"type": "string", "format": "date-time"}),
    str: (_text, {"type": "string"}),
}


# ------------------------------------------------------------------ rows


def _page(
    request: Request, collection: Collection, wanted: Values, limit: int, offset: int
) -> dict[str, Any]:
    with transaction(request.app.state.engine) as session:
        count = store.count(session, collection, wanted)
        # One more shows whether there is a next page: the count may be an estimate.
        rows = store.page(session, collection, wanted, limit=limit + 1, offset=offset)
    has_next = len(rows) > limit
    return {
        "count": count,
        "next": page_link(request, limit=limit, offset=offset + limit) if has_next else None,
        "previous": page_link(request, limit=limit, offset=offset - limit) if offset else None,
        "results": rows[:limit],
    }


def _whole(
    engine: Engine, collection: Collection, wanted: Values, view: type[BaseModel]
) -> Response:
    chunks = _encoded(_chunks(engine, collection, wanted), TypeAdapter(list[view]))  # type: ignore[valid-type]
    # The first chunk is read before the answer begins, so that a lost database is a 503.
    first, second = next(chunks), next(chunks, None)
    if second is None:
        return Response(b"[" + first + b"]", media_type=_JSON)
    return StreamingResponse(chain((b"[", first, second), chunks, (b"]",)), media_type=_JSON)


def _chunks(engine: Engine, collection: Collection, wanted: Values) -> Iterator[Sequence[Record]]:
    last: Record | None = None
    while True:
        with transaction(engine) as session:
            rows = store.rows_after(session, collection, wanted, last=last, limit=_CHUNK_ROWS)
        if rows or last is None:
            yield rows
        if len(rows) < _CHUNK_ROWS:
            return
        last = rows[-1]


def _encoded(chunks: Iterator[Sequence[Record]], adapter: TypeAdapter[Any]) -> Iterator[bytes]:
    comma = b""
    for rows in chunks:
        yield comma + adapter.dump_json(adapter.validate_python(rows))[1:-1]
        comma = b","
