"""The collection of messages: those that were only stored, and those of the bus, kept as events.

Source: fastmon contract section 3.9.
"""

from __future__ import annotations

import operator
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from api.http.collections import store
from api.http.collections.store import Collection, Filter, Key, Record, table_of
from blocks.errors import Refused
from flows.agents.models import WorkflowMessage
from flows.common.models import Event

_MESSAGES: Final = table_of(WorkflowMessage)
_EVENTS: Final = table_of(Event)
_PREFIX: Final = "6576656e-7400-8000-8000-"  # "event", then what RFC 9562 wants of version 8
_OF_PREFECT: Final = "flow_run_state"  # the relay's, no message of the bus


class KeptAsEvent(Refused):
    """The message was taken in from the bus, or sent to be relayed: it stays as it is."""

    def __init__(self) -> None:
        super().__init__("This message is kept as an event, which nobody changes or deletes.")


def key_of_event(number: int) -> uuid.UUID:
    """The key of the message that is kept as the event of that id."""
    return uuid.UUID(f"{_PREFIX}{number:012x}")


def event_of_key(key: Key) -> int | None:
    """The id of the event that a message's key is derived of; None where it is of none."""
    text = str(key)
    return int(text.removeprefix(_PREFIX), 16) if text.startswith(_PREFIX) else None


def _said(name: str) -> ColumnElement[Any]:
    """A field of the event's payload, of the type of the column that it stands in for.

    With other types than the table's the two could not be read as one list, in its order.
    """
    return cast(_EVENTS.c.payload.op("->>")(name), _MESSAGES.c[name].type)


_OF_EVENTS: Final[dict[str, ColumnElement[Any]]] = {
    "number": _EVENTS.c.id,
    "message_id": cast(_PREFIX + func.lpad(func.to_hex(_EVENTS.c.id), 12, "0"), Uuid),
    "message_type": _EVENTS.c.msg_type,
    "sender_agent": _said("sender_agent"),
    "recipient_agent": _said("recipient_agent"),
    "namespace": _EVENTS.c.namespace,
    "execution_id": _EVENTS.c.execution_id,
    "run_id": _EVENTS.c.run_id,
    "message_content": _EVENTS.c.payload,
    "sent_at": _EVENTS.c.at,
    "is_successful": literal(value=True),
    "queue_name": _said("queue_name"),
}
_STORED: Final[dict[str, ColumnElement[Any]]] = {
    column.name: cast(column, JSON) if column.name == "message_content" else column
    for column in _MESSAGES.c
}
_stored = select(*(column.label(name) for name, column in _STORED.items()))
_events = select(
    *(
        _OF_EVENTS.get(name, cast(null(), column.type)).label(name)
        for name, column in _STORED.items()
    )
)
_ALL: Final = union_all(_stored, _events).subquery("message")
_FIELD_OF: Final = {"workflow_id": "workflow", "stage_id": "stage"}


def _as_shown(rows: FromClause) -> Select[Any]:
    return select(*(column.label(_FIELD_OF.get(column.name, column.name)) for column in rows.c))


def _find(session: Session, key: Key) -> Record | None:
    """The message of that key, which says where it is kept."""
    number = event_of_key(key)
    if number is None:
        one = _stored.where(_MESSAGES.c.message_id == key)
    else:
        one = _events.where(_EVENTS.c.id == number, _EVENTS.c.msg_type != _OF_PREFECT)
    return session.execute(_as_shown(one.subquery("message"))).mappings().one_or_none()


def _refuse_events(session: Session, which: ColumnElement[bool]) -> None:
    """Refuse what is of none of the stored messages, of which there is one then: an event."""
    if session.scalar(select(_MESSAGES.c.message_id).where(which)) is None:
        raise KeptAsEvent


MESSAGES: Final = Collection(
    name="WorkflowMessage",
    words="workflow message",
    table=_MESSAGES,
    # Within the union's part the condition would keep PostgreSQL from reading by the index.
    rows=_as_shown(_ALL).where(_ALL.c.message_type != _OF_PREFECT),
    order=(_ALL.c.sent_at, _ALL.c.number),
    filters={
        "execution_id": Filter(_ALL.c.execution_id, "The execution that it is of."),
        "namespace": Filter(_ALL.c.namespace, "Its namespace."),
        "run_id": Filter(_ALL.c.run_id, "Number of the run."),
        "message_type": Filter(_ALL.c.message_type, "Its type."),
        "sender_agent": Filter(_ALL.c.sender_agent, "Who sent it."),
        "start_time": Filter(_ALL.c.sent_at, "Sent not before that time.", operator.ge),
        "end_time": Filter(_ALL.c.sent_at, "Sent before that time.", operator.lt),
    },
    columns={field: column for column, field in _FIELD_OF.items()},
    find=_find,
    guard=_refuse_events,
)
BEGIN: Final = 1200
"""Characters that a list in brief has of a content's JSON: 200 also where each is escaped."""
_SHOWN_IN_BRIEF: Final = (
    "message_type", "sender_agent", "namespace", "sent_at", "execution_id", "run_id",
)  # fmt: skip
_begin = func.left(cast(_ALL.c.message_content, Text), BEGIN).label("begin")
IN_BRIEF: Final = replace(
    MESSAGES,
    rows=select(*(_ALL.c[name] for name in _SHOWN_IN_BRIEF), _begin).where(
        _ALL.c.message_type != _OF_PREFECT
    ),
)
"""Messages with the begin of their content alone, which may have 1 MB."""


def count_in(session: Session, namespace: str, *, start: datetime, end: datetime) -> int:
    """How many messages of a namespace were sent in a time; each table is counted alone."""
    stored = select(func.count()).where(
        _MESSAGES.c.namespace == namespace, _MESSAGES.c.sent_at.between(start, end)
    )
    kept = select(func.count()).where(
        _EVENTS.c.namespace == namespace,
        _EVENTS.c.at.between(start, end),
        _EVENTS.c.msg_type != _OF_PREFECT,
    )
    return (session.scalar(stored) or 0) + (session.scalar(kept) or 0)


def senders(session: Session, execution_id: str) -> list[str]:
    """The agents that have sent messages of an execution."""
    rows = MESSAGES.rows.where(MESSAGES.filters["execution_id"].column == execution_id)
    sender = MESSAGES.filters["sender_agent"].column
    found = session.scalars(rows.with_only_columns(sender, maintain_column_froms=True).distinct())
    return [each for each in found if each is not None]


def remove(session: Session, key: Key) -> None:
    """Delete a message that was only stored.

    Raises:
        NotFound: There is no such message.
        KeptAsEvent: It is kept as an event.
    """
    store.get(session, MESSAGES, key)
    store.remove(session, MESSAGES, key)
