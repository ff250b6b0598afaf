"""Events: what happened, appended to one table that every listener follows by id.

Two transactions may commit in another order than their ids were handed out, and a reader that
follows ids would miss rows. So ids are handed out under one lock that lasts until the commit, and
:func:`commit` is the only function that writes events.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from blocks import tracing
from flows.common.claims import Claim
from flows.common.database import json_row, now
from flows.common.messages import Announcement, Enrichment, msg_type_of

CHANNEL: Final = "prodops_event"
_LOCK: Final = 0x70726F64  # "prod": the advisory lock that orders event ids by commit
_QUEUE_NAME: Final = "epictopic"
OURS: Final = "prodops"
"""The namespace and sender of what prodops itself did."""
BUS: Final = "bus"
"""The origin of what came from the bus, and is not to go there again."""
ENRICHED: Final = tuple(name for name in Enrichment.model_fields if name != "namespace")
"""What is added to a message when it is stored, beside a namespace of null."""

_ORDER = text("SELECT pg_advisory_xact_lock(:lock), pg_notify(:channel, '')")
# One JSON text is a third of the cost of an array a column, under the lock that all writers share;
# a `json` column keeps the payload's text as it is.
_APPEND = text("""
    INSERT INTO event (at, msg_type, namespace, run_id, processed_by, subject, request_id,
                       flow_run_id, execution_id, origin, payload)
    SELECT * FROM json_to_recordset(cast(:rows AS json)) AS row (
        at timestamptz, msg_type text, namespace text, run_id text, processed_by text,
        subject text, request_id bigint, flow_run_id uuid, execution_id text, origin text,
        payload json)
    RETURNING id
""")
_LAST = text("SELECT max(id) FROM event")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event to append. `payload` is the JSON text that clients get, on one line, ASCII."""

    msg_type: str
    payload: str
    at: datetime
    namespace: str | None = None
    run_id: str | None = None
    processed_by: str | None = None
    subject: str | None = None
    request_id: int | None = None
    flow_run_id: uuid.UUID | None = None
    execution_id: str | None = None
    origin: str | None = None


_COLUMNS: Final = [each.name for each in fields(NewEvent) if each.name != "payload"]


def message_event(
    body: Mapping[str, Any],
    *,
    at: datetime | None = None,
    subject: str | None = None,
    request_id: int | None = None,
    flow_run_id: uuid.UUID | None = None,
) -> NewEvent:
    """The event of a message: its body, with the fields the original monitor adds to each.

    Source: fastmon contract section 1.10 (enrichment), MO-p:158-174.
    """
    moment = at or now()
    enriched = dict(body)
    enriched.setdefault("sender_agent", body.get("sender"))
    enriched.setdefault("recipient_agent", body.get("recipient"))
    enriched.setdefault("namespace", None)
    enriched.setdefault("queue_name", _QUEUE_NAME)
    enriched.setdefault("sent_at", moment.isoformat())
    run_id = body.get("run_id")
    return NewEvent(
        msg_type=str(body.get("msg_type") or "message"),
        payload=json.dumps(enriched),
        at=moment,
        namespace=body.get("namespace"),
        run_id=None if run_id is None else str(run_id),
        processed_by=body.get("processed_by"),
        subject=subject,
        request_id=request_id,
        flow_run_id=flow_run_id,
        execution_id=body.get("execution_id"),
    )


def announcement(
    body: type[Announcement], claim: Claim | None, subject: str | None, **fields: Any
) -> NewEvent:
    """The event of something that prodops did, in the form of the peers' messages.

    Args:
        body: The form of its body.
        claim: The attempt at a request that did it; None: what was asked for was no request.
        subject: What it is about, for the stream's filter.
        fields: What it says, in that form.
    """
    request_id = None if claim is None else claim.request_id
    traced = {} if (trace := tracing.trace_id()) is None else {"trace_id": trace}
    message = body(
        msg_type=msg_type_of(body),
        namespace=OURS,
        sender=OURS,
        processed_by=OURS,
        request_id=request_id,
        timestamp=now(),
        **traced,
        **fields,
    )
    flow_run_id = None if claim is None else claim.flow_run_id
    return message_event(
        message.model_dump(mode="json", exclude_unset=True),
        subject=subject,
        request_id=request_id,
        flow_run_id=flow_run_id,
    )


def commit(session: Session, events: Sequence[NewEvent]) -> list[int]:
    """Append `events` and commit the session, with nothing between: the lock is held that long.

    Returns:
        The events' ids, in order.
    """
    ids: list[int] = []
    if events:
        session.flush()
        rows = "[" + ",".join(_row(event) for event in events) + "]"
        session.execute(_ORDER, {"lock": _LOCK, "channel": CHANNEL})
        ids = list(session.scalars(_APPEND, {"rows": rows}))
    session.commit()
    return ids


def freeze(session: Session) -> int:
    """Make the fresh session see one state of the database; gives its last event's id.

    A page that shows that state, and then follows the events after that id, counts everything once.
    """
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return last_id(session)


def last_id(session: Session) -> int:
    """The id of the last event; what is read after it may be newer, but nothing of it is older."""
    return session.scalar(_LAST) or 0


def _row(event: NewEvent) -> str:
    columns = {name: getattr(event, name) for name in _COLUMNS}
    return json_row(columns, payload=event.payload)
