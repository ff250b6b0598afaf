"""The collection of log records, and their summary.

Source: fastmon contract section 3.5.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine, RowMapping, func, select, text
from sqlalchemy.orm import Session

from api.http.collections.store import Collection, Filter, table_of
from flows.agents import repository
from flows.agents.models import AppLog
from flows.common.database import transaction

Instance = tuple[str, str]
"""The names of an application and of its instance."""

_LOGS: Final = table_of(AppLog)
MOST_COUNTED: Final = 2000
"""Of so many records the levels are counted."""
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
    """How many of the newest `MOST_COUNTED` records each instance has, by their level."""
    columns = (_LOGS.c.app_name, _LOGS.c.instance_name, _LOGS.c.levelname)
    newest = select(*columns).order_by(_LOGS.c.id.desc()).limit(MOST_COUNTED).subquery()
    counts: dict[Instance, dict[str, int]] = {}
    query = select(*newest.c, func.count()).group_by(*newest.c).order_by(*newest.c)
    for app, instance, level, number in session.execute(query):
        counts.setdefault((app, instance), {})[level] = number
    return counts


# The instances that have errors, each found by the one before: PostgreSQL has no skip scan.
_RECENT_ERRORS: Final = text("""
    WITH RECURSIVE owner (app_name, instance_name) AS (
        (SELECT app_name, instance_name FROM swf_applog
         WHERE levelname IN ('ERROR', 'CRITICAL') ORDER BY app_name, instance_name LIMIT 1)
        UNION ALL
        SELECT next.app_name, next.instance_name FROM owner CROSS JOIN LATERAL (
            SELECT app_name, instance_name FROM swf_applog
            WHERE levelname IN ('ERROR', 'CRITICAL')
              AND (app_name, instance_name) > (owner.app_name, owner.instance_name)
            ORDER BY app_name, instance_name LIMIT 1) AS next)
    SELECT error.* FROM owner CROSS JOIN LATERAL (
        SELECT * FROM swf_applog AS log
        WHERE levelname IN ('ERROR', 'CRITICAL') AND log.app_name = owner.app_name
          AND log.instance_name = owner.instance_name
        ORDER BY timestamp DESC, id DESC LIMIT :most) AS error
""").columns(*_LOGS.c)


def recent_errors(session: Session) -> dict[Instance, list[RowMapping]]:
    """The newest errors of each instance, the newest first."""
    errors: dict[Instance, list[RowMapping]] = {}
    for row in session.execute(_RECENT_ERRORS, {"most": _RECENT}).mappings():
        errors.setdefault((row["app_name"], row["instance_name"]), []).append(row)
    return errors
