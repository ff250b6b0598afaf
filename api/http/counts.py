"""How many rows a query finds: counted up to a bound, and estimated beyond.

To count ten million rows takes seconds, and to count ten thousand as long as to read a page.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Executable, Select, func, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

MOST_COUNTED: Final = 1000
"""More rows than these are not counted."""


class _Explain(Executable, ClauseElement):
    """What PostgreSQL would do for a query, and how many rows it expects."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Explain)
def _compile(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **options)}"


def count(session: Session, query: Select[Any]) -> int:
    """How many rows a query finds; above `MOST_COUNTED`, as PostgreSQL's statistics have it."""
    one: Select[Any] = query.order_by(None).with_only_columns(
        literal_column("1"), maintain_column_froms=True
    )
    bounded = one.limit(MOST_COUNTED + 1).subquery()
    number = session.scalar(select(func.count()).select_from(bounded)) or 0
    if number <= MOST_COUNTED:
        return number
    return max(number, _expected(session, one))


def _expected(session: Session, query: Select[Any]) -> int:
    (plan,) = session.scalars(_Explain(query)).one()
    return int(plan["Plan"]["Plan Rows"])
