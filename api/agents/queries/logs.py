"""The collection of log records, and their summary.

Source: fastmon contract section 3.5.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine, RowMapping, func, select
from sqlalchemy.orm import Session

from api.http.collections.store import Collection, Filter, table_of
from flows.agents import repository
from flows.agents.models import AppLog
from flows.common.database import transaction

Instance = tuple[str, str]
"""The names of an application and of its instance."""

_LOGS: Final = table_of(AppLog)
_ERRORS: Final = ("ERROR", "CRITICAL")
_RECENT: Final = 5

LOGS: Final = Collection(
    name="AppLog",
    words="app log",
    table=_LOGS,
    rows=select(_LOGS),
    order=(_LOGS.c.id,),
    filters={
        "app_name": Filter(_LOGS.c.app_name, "The application's name."),
        "instance_name": Filter(_LOGS.c.instance_name, "The agent's name."),
        "level": Filter(_LOGS.c.level, "Its level, as a number."),
        "levelname": Filter(_LOGS.c.levelname, "Its level, as a word."),
        "start_time": Filter(_LOGS.c.timestamp, "Not before that time.", operator.ge),
        "end_time": Filter(_LOGS.c.timestamp, "Before that time.", operator.lt),
    },
)


def add(engine: Engine, records: Sequence[Mapping[str, Any]], *, keep: int) -> list[int]:
    """Store log records in one transaction, and keep about the newest `keep`; gives their ids.

    Raises:
        DatabaseUnavailable: Nothing was stored.
    """
    with transaction(engine) as session:
        return repository.store_logs(session, records, keep=keep)


def count_by_level(session: Session) -> dict[Instance, dict[str, int]]:
    """How many records of each level each instance has."""
    columns = (_LOGS.c.app_name, _LOGS.c.instance_name, _LOGS.c.levelname)
    counts: dict[Instance, dict[str, int]] = {}
    query = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    for app, instance, level, number in session.execute(query):
        counts.setdefault((app, instance), {})[level] = number
    return counts


def recent_errors(session: Session) -> dict[Instance, list[RowMapping]]:
    """The newest errors of each instance, the newest first."""
    newest = (_LOGS.c.timestamp.desc(), _LOGS.c.id.desc())
    owner = (_LOGS.c.app_name, _LOGS.c.instance_name)
    place = func.row_number().over(partition_by=owner, order_by=newest).label("place")
    ranked = select(_LOGS, place).where(_LOGS.c.levelname.in_(_ERRORS)).subquery()
    query = select(ranked).where(ranked.c.place <= _RECENT).order_by(ranked.c.place)
    errors: dict[Instance, list[RowMapping]] = {}
    for row in session.execute(query).mappings():
        errors.setdefault((row["app_name"], row["instance_name"]), []).append(row)
    return errors
