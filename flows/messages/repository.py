"""The SQL of the bus. Nothing here commits."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from blocks.errors import NotFound, Refused
from flows.common import canary, events
from flows.common.database import now
from flows.common.models import Event
from flows.messages.models import BusPosition, SeenMessage, SetAsideMessage, SetAsideState

_KEPT_BYTES: Final = 1 << 16  # of a message that is too large
_POSITION: Final = "topic"


class UnknownMessage(NotFound):
    """No message of that number was set aside."""


# ------------------------------------------------------------------ taken


def digest_of(destination: str, message_id: str, body: bytes) -> bytes:
    """By what a message is recognised when the broker delivers it again.

    By its content too: the ids of an Artemis that came back empty begin anew.
    """
    parts = (destination.encode(), message_id.encode(), body)
    return hashlib.sha256(b"\0".join(parts)).digest()


_NOTE = text("""
    INSERT INTO bus_seen (digest, at)
    SELECT digest, cast(:at AS timestamptz) FROM unnest(:digests) AS digest ORDER BY digest
    ON CONFLICT DO NOTHING
    RETURNING digest
""")


def note_seen(session: Session, digests: Collection[bytes], at: datetime) -> set[bytes]:
    """Note messages as taken; gives those that were not before."""
    rows = session.execute(_NOTE, {"digests": list(set(digests)), "at": at})
    return {bytes(row.digest) for row in rows}


def seen_among(session: Session, digests: Collection[bytes]) -> set[bytes]:
    """Those messages that were taken before."""
    found = select(SeenMessage.digest).where(SeenMessage.digest.in_(digests))
    return {bytes(digest) for digest in session.scalars(found)}


# ------------------------------------------------------------------ set aside


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A message that cannot be used, and why."""

    destination: str
    message_id: str
    body: bytes
    reason: str
    is_too_large: bool = False


def set_aside(session: Session, messages: Sequence[SetAside], at: datetime) -> None:
    """Keep messages that cannot be used, each with its reason."""
    session.add_all(
        SetAsideMessage(
            at=at,
            destination=each.destination[:255],
            message_id=_kept_text(each.message_id),
            reason=_kept_text(each.reason),
            body=each.body[:_KEPT_BYTES] if each.is_too_large else each.body,
            size_bytes=len(each.body),
        )
        for each in messages
    )


def _kept_text(value: str) -> str:
    return value.replace("\0", "\\0").encode(errors="replace").decode()[:2000]


def require_open(session: Session, message_id: int, *, is_retry: bool) -> SetAsideMessage:
    """A message that was set aside and can be settled.

    Raises:
        UnknownMessage: There is none of that number.
        Refused: It is settled already, or is to be retried and not all of it was kept.
    """
    row = session.get(SetAsideMessage, message_id)
    if row is None:
        raise UnknownMessage(f"no message {message_id} was set aside")
    if row.state != SetAsideState.OPEN:
        raise Refused(f"message {message_id} is settled already: {row.state}")
    if is_retry and not row.is_whole:
        raise Refused(f"only the begin of message {message_id} was kept: it can only be dropped")
    return row


def settle(session: Session, message_id: int, state: SetAsideState, by: str) -> None:
    """Decide what becomes of a message that was set aside; once decided, that stays."""
    session.execute(
        update(SetAsideMessage)
        .where(SetAsideMessage.id == message_id, SetAsideMessage.state == SetAsideState.OPEN)
        .values(state=state, settled_by=by[:150], settled_at=now())
    )


def to_retry(session: Session) -> SetAsideMessage | None:
    """The oldest message that the bridge is to take again, locked."""
    return session.scalars(
        select(SetAsideMessage)
        .where(SetAsideMessage.state == SetAsideState.RETRY)
        .order_by(SetAsideMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def open_again(session: Session, message_id: int, reason: str) -> None:
    """Note that a message could not be taken this time either, and why."""
    session.execute(
        update(SetAsideMessage)
        .where(SetAsideMessage.id == message_id, SetAsideMessage.state == SetAsideState.RETRY)
        .values(state=SetAsideState.OPEN, reason=_kept_text(reason))
    )


# ------------------------------------------------------------------ published


class Unpublished(NamedTuple):
    """An event that the topic has not got yet."""

    id: int
    payload: dict[str, Any]


class Look(NamedTuple):
    """What the topic is to get, in order, and up to which event was looked."""

    events: Sequence[Unpublished]
    last_id: int


def position(session: Session) -> BusPosition:
    """How far events are published; the first time, what there is already counts as published."""
    known = select(BusPosition).where(BusPosition.name == _POSITION)
    if (row := session.scalars(known).one_or_none()) is not None:
        return row
    session.execute(
        pg_insert(BusPosition)
        .values(name=_POSITION, event_id=events.last_id(session), instance=uuid.uuid4())
        .on_conflict_do_nothing()
    )
    return session.scalars(known).one()


KEPT_BACK: Final = frozenset({"flow_run_state", "testbed_command", "testbed_command_ended"})
"""Types of events that stay inside: only our own pages and controllers read them."""

_is_to_go_out = and_(
    Event.origin.is_distinct_from(events.BUS),
    Event.namespace.is_distinct_from(canary.NAMESPACE),  # peers would take it for data
)


def look(session: Session, after: int, *, kept_back: Collection[str], limit: int) -> Look:
    """Look at the events after that one; what came from the bus is there already.

    Args:
        session: The database.
        after: The last event that was looked at.
        kept_back: Types of events that stay inside.
        limit: How many are looked at.
    """
    is_wanted = and_(_is_to_go_out, Event.msg_type.not_in(kept_back))
    rows = session.execute(
        # The payload of what is not wanted would be read for nothing.
        select(Event.id, is_wanted.label("is_wanted"), case((is_wanted, Event.payload)))
        .where(Event.id > after)
        .order_by(Event.id)
        .limit(limit)
    ).all()
    wanted = [Unpublished(key, payload) for key, is_wanted, payload in rows if is_wanted]
    return Look(wanted, rows[-1].id if rows else after)


def unpublished(session: Session, *, most: int) -> int | None:
    """How many of the next `most` events the topic is still to get; None: there is no publisher."""
    known = select(BusPosition.event_id).where(BusPosition.name == _POSITION)
    if (after := session.scalar(known)) is None:
        return None
    is_wanted = and_(_is_to_go_out, Event.msg_type.not_in(KEPT_BACK)).label("is_wanted")
    coming = select(is_wanted).where(Event.id > after).order_by(Event.id).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(coming).where(coming.c.is_wanted))


def advance(session: Session, event_id: int) -> None:
    """Note that the topic has every event up to that one."""
    session.execute(
        update(BusPosition)
        .where(BusPosition.name == _POSITION, BusPosition.event_id < event_id)
        .values(event_id=event_id)
    )
