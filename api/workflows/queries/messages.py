"""The messages of an execution: those of its run, sent while it ran or soon after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal_column, select
from sqlalchemy.orm import Session

from api.agents import lines
from api.workflows.views import (
    ExecutionView,
    MarkView,
    MessageCount,
    MessageView,
    ParticipantView,
)
from flows.common.database import now
from flows.common.models import Event
from flows.common.run_states import LIFECYCLE

SHOWN: Final = 50
NEWEST: Final = 2**63 - 1
_MARKS: Final = 400
_LATE: Final = timedelta(minutes=10)  # data of a run come after its end
# Not as parameters: the planner would not know that the lifecycle's index has them all.
_LIFECYCLE: Final[list[ColumnElement[str]]] = [
    literal_column(f"'{each}'") for each in sorted(LIFECYCLE)
]
_LAST: Final = 2000
_MOST_PARTICIPANTS: Final = 100


def _of(execution: ExecutionView) -> ColumnElement[bool]:
    """Which events are the execution's messages: its run's, as the original names no execution."""
    if execution.run_number is None:
        return Event.execution_id == execution.execution_id
    until = execution.ended or now()
    return and_(
        Event.run_id == str(execution.run_number),
        Event.at >= execution.began,
        Event.at <= until + _LATE,
    )


def page(
    session: Session, execution: ExecutionView, *, msg_type: str = "", before: int = NEWEST,
    limit: int = SHOWN,
) -> list[MessageView]:  # fmt: skip
    """The newest messages, of a type or of all; older than one of them."""
    wanted = [_of(execution), Event.id < before]
    wanted += [Event.msg_type == msg_type] if msg_type else []
    return _newest(session, wanted, limit)


def of_types(
    session: Session, execution: ExecutionView, msg_types: Sequence[str], *, limit: int = SHOWN
) -> list[MessageView]:
    """The newest messages of these types, of the run or naming the execution."""
    is_wanted = Event.msg_type.in_(msg_types)
    # Two reads, each along an index that has the times in order: by id, all events would be read.
    ways = (_of(execution), Event.execution_id == execution.execution_id)
    found = {
        each.id: each
        for way in ways
        for each in _newest(session, [way, is_wanted], limit, order=(Event.at, Event.id))
    }
    return sorted(found.values(), key=lambda each: -each.id)[:limit]


def _newest(
    session: Session,
    wanted: Sequence[ColumnElement[bool]],
    limit: int,
    *,
    order: Sequence[Any] = (Event.id,),
) -> list[MessageView]:
    columns = (Event.id, Event.at, Event.msg_type, Event.processed_by, Event.payload)
    query = select(*columns).where(*wanted).order_by(*(each.desc() for each in order))
    rows = session.execute(query.limit(limit)).mappings()
    return [
        MessageView.model_validate(
            {**row, "sender": _sender(row["payload"]) or row["processed_by"]}
        )
        for row in rows
    ]


def counts(session: Session, execution: ExecutionView) -> list[MessageCount]:
    """How many messages of each type there are."""
    query = select(Event.msg_type, func.count()).where(_of(execution)).group_by(Event.msg_type)
    rows = session.execute(query.order_by(Event.msg_type))
    return [MessageCount(msg_type=msg_type, count=number) for msg_type, number in rows]


def changes(session: Session, execution: ExecutionView) -> list[tuple[str, datetime]]:
    """The lifecycle messages, in order."""
    is_its = Event.run_id == str(execution.run_number)  # by an index of its own
    if execution.run_number is None:
        is_its = _of(execution)
    query = select(Event.msg_type, Event.at).where(is_its, Event.msg_type.in_(_LIFECYCLE))
    return [(kind, at) for kind, at in session.execute(query.order_by(Event.id))]


def marks(session: Session, execution: ExecutionView) -> list[MarkView]:
    """When STFs were made: at most 400 marks, each of those of about the same time."""
    until = execution.ended or now()
    seconds = max((until - execution.began).total_seconds(), 1.0)
    epoch = func.extract("epoch", Event.at - execution.began)
    bucket = func.floor(epoch * _MARKS / seconds)
    query = (
        select(func.min(Event.at), func.count())
        .where(_of(execution), Event.msg_type == "stf_gen")
        .group_by(bucket)
        .order_by(bucket)
    )
    return [MarkView(at=at, count=number) for at, number in session.execute(query)]


def participants(session: Session, execution: ExecutionView) -> list[ParticipantView]:
    """Who sent or worked on the last messages, and how they are as agents now."""
    sender = Event.payload.op("->>")("sender")
    name = func.coalesce(sender, Event.processed_by).label("name")
    last = (
        select(name, Event.msg_type, Event.at)
        .where(_of(execution))
        .order_by(Event.id.desc())
        .limit(_LAST)
        .subquery()
    )
    query = (
        select(last.c.name, last.c.msg_type, func.count(), func.max(last.c.at))
        .where(last.c.name.is_not(None))
        .group_by(last.c.name, last.c.msg_type)
        .order_by(last.c.name, last.c.msg_type)
        .limit(_MOST_PARTICIPANTS)
    )
    return _participants(session, session.execute(query).all())


def _participants(session: Session, rows: Sequence[Any]) -> list[ParticipantView]:
    known = {each.instance_name: each for each in lines.named(session, {row[0] for row in rows})}
    found: dict[str, ParticipantView] = {}
    for name, msg_type, number, at in rows:
        one = found.setdefault(
            name, ParticipantView(name=name, messages={}, last_at=at, agent=known.get(name))
        )
        one.messages[msg_type] = number
        one.last_at = max(one.last_at, at)
    return list(found.values())


def _sender(payload: object) -> str | None:
    said = payload.get("sender") if isinstance(payload, dict) else None
    return said if isinstance(said, str) else None
