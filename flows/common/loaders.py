"""Values of columns that PostgreSQL keeps and Python cannot hold, read as the nearest that it can.

PCS's and the agents' tables are written by the web tier, and by the originals: a date of infinity,
or JSON of a thousand levels, would otherwise fail every statement that reads its row.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg
from psycopg import postgres
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.operators import OperatorType

# Away from the ends of Python's calendar: other time zones have their place, and so has arithmetic.
EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 12, 31, tzinfo=UTC)


_DEEPEST: Final = 128  # the doors take 64 levels, and answers can be written of 255


def read_json(sent: str | bytes) -> Any:
    """The JSON value; its text, which no form takes for more, where Python cannot handle it."""
    text = sent if isinstance(sent, str) else sent.decode(errors="replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # numbers of 5,000 digits; as many brackets
        return text
    # Few values have so many brackets: the others cost no second look.
    is_long = text.count("[") + text.count("{") > _DEEPEST
    return text if is_long and _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


class JsonObject(TypeDecorator[dict[str, Any]]):
    """JSONB of an object; where a row has something else there, it is read as an object with it.

    The database keeps any JSON there, and what reads it looks for keys.
    """

    impl = JSONB
    cache_ok = True

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> Any:
        """The type of what the column is compared with: as for any JSONB."""
        return JSONB().coerce_compared_value(op, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        """The object."""
        return value if value is None or isinstance(value, dict) else {"value": value}


class _Clipped(Loader):
    """A loader of dates or times that are within Python's calendar, or else at its end."""

    type_name: str
    earliest: date
    latest: date

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        found = psycopg.adapters.get_loader(oid, Format.TEXT)
        assert found is not None  # noqa: S101 - psycopg's own types
        self._loader = found(oid, context)

    def load(self, data: Buffer) -> Any:
        """The date or time."""
        try:
            return self._loader.load(data)
        except psycopg.DataError:
            text = bytes(data)
            is_early = text.startswith(b"-") or text.endswith(b"BC")
            return self.earliest if is_early else self.latest


class _Times(_Clipped):
    type_name = "timestamptz"
    earliest = EARLIEST
    latest = LATEST


class _Dates(_Clipped):
    type_name = "date"
    earliest = EARLIEST.date()
    latest = LATEST.date()


def register(connection: psycopg.Connection[Any]) -> None:
    """Have a connection read dates and times so."""
    for loader in (_Times, _Dates):
        oid = postgres.types[loader.type_name].oid
        connection.adapters.register_loader(oid, loader)
