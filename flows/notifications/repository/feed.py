"""What happened since the position: ends of requests, and events. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from flows.common import events
from flows.common.database import among
from flows.common.models import Event, Request, RequestState
from flows.notifications.domain import safety
from flows.notifications.domain.alarmed import AlarmFacts
from flows.notifications.domain.announced import EventFacts
from flows.notifications.domain.ends import RequestFacts
from flows.notifications.domain.words import Severity
from flows.notifications.messages import ALARM
from flows.notifications.models import AlarmEpisode, NotificationPosition, RequestEnd
from flows.notifications.repository import alarms, tasks

_NAME: Final = "events"
_STEPS = text("""
    SELECT DISTINCT ON (request_id) request_id, payload ->> 'step' AS step
    FROM event WHERE request_id = ANY (:ids) AND msg_type LIKE '%progress'
    ORDER BY request_id, id DESC
""")
_ALARM_RULES = text("""
    SELECT request_id, array_agg(DISTINCT rule_id) AS rules
    FROM notification_alarm WHERE request_id = ANY (:ids) GROUP BY request_id
""")


@dataclass(frozen=True)
class Ended:
    """A request that came to a state, and the row that says so."""

    id: int
    request_id: int
    state: RequestState
    at: datetime


@dataclass(frozen=True)
class Seen:
    """An event; its payload is None where its type is not wanted."""

    id: int
    msg_type: str
    at: datetime
    subject: str
    request_id: int | None
    payload: dict[str, Any] | None


_NEWS = text("""
    SELECT EXISTS (SELECT FROM event WHERE id > coalesce(
               (SELECT event_id FROM notification_position WHERE name = :name), -1))
        OR EXISTS (SELECT FROM notification_request_end)
        OR EXISTS (SELECT FROM notification_watch WHERE is_new) AS happened,
        EXISTS (SELECT FROM notification WHERE state IN ('pending', 'sending')) AS waits
""")


@dataclass(frozen=True)
class News:
    """Whether something happened that was not looked at, and whether something is to be sent."""

    happened: bool
    waits: bool


def news(session: Session) -> News:
    """Whether there is anything to do: one statement, as often as nothing happens."""
    row = session.execute(_NEWS, {"name": _NAME}).one()
    return News(row.happened, row.waits)


def position(session: Session) -> int:
    """The last event that was looked at, locked; the first time, all that there are count as so."""
    known = (
        select(NotificationPosition.event_id)
        .where(NotificationPosition.name == _NAME)
        .with_for_update()
    )
    if (found := session.scalar(known)) is not None:
        return found
    first = pg_insert(NotificationPosition).values(name=_NAME, event_id=events.last_id(session))
    session.execute(first.on_conflict_do_nothing())
    session.execute(delete(RequestEnd))  # of before anybody could be told
    return session.scalar(known) or 0


def advance(session: Session, event_id: int) -> None:
    """Note that every event up to that one was looked at."""
    row = update(NotificationPosition).where(NotificationPosition.name == _NAME)
    session.execute(row.values(event_id=event_id))


def ends(session: Session, limit: int) -> list[Ended]:
    """The oldest ends of requests that were not looked at."""
    rows = session.scalars(select(RequestEnd).order_by(RequestEnd.id).limit(limit))
    return [_ended(row) for row in rows]


def _ended(row: RequestEnd) -> Ended:
    return Ended(row.id, row.request_id, RequestState(row.state), row.at)


def ends_of(session: Session, request_ids: Collection[int], known: Sequence[Ended]) -> list[Ended]:
    """The ends of these requests that were not looked at, besides those that are known."""
    if not request_ids:
        return []
    rows = session.scalars(select(RequestEnd).where(among(RequestEnd.request_id, request_ids)))
    return [each for each in map(_ended, rows) if each not in known]


def forget_ends(session: Session, seen: Sequence[Ended]) -> None:
    """Note that these ends were looked at."""
    ids = [each.id for each in seen]
    session.execute(delete(RequestEnd).where(among(RequestEnd.id, ids)))


def look(session: Session, after: int, *, wanted: Collection[str], limit: int) -> list[Seen]:
    """The events after that one, in order; the payloads of those types that are wanted."""
    is_wanted = Event.msg_type.in_(wanted)
    rows = session.execute(
        # The payload of what is not wanted would be read for nothing.
        select(
            Event.id,
            Event.msg_type,
            Event.at,
            Event.subject,
            Event.request_id,
            case((is_wanted, Event.payload)),
        )
        .where(Event.id > after)
        .order_by(Event.id)
        .limit(limit)
    )
    return [
        Seen(key, msg_type, at, subject or "", request_id, safety.keepable(payload))
        for key, msg_type, at, subject, request_id, payload in rows
    ]


def requests(session: Session, ids: Collection[int]) -> dict[int, RequestFacts]:
    """What there is to say of these requests, by their number."""
    rows = session.scalars(select(Request).where(among(Request.id, list(ids)))).all()
    failed = [each.id for each in rows if each.state != RequestState.COMPLETED]
    steps = {row.request_id: row.step for row in session.execute(_STEPS, {"ids": failed})}
    rules = {row.request_id: row.rules for row in session.execute(_ALARM_RULES, {"ids": list(ids)})}
    owners = tasks.owners(session, (str(each.parameters.get("task_name") or "") for each in rows))
    return {
        each.id: _facts(each, steps.get(each.id), owners, rules.get(each.id, ())) for each in rows
    }


def _facts(
    row: Request, step: str | None, owners: dict[str, tuple[str, str]], rules: Iterable[int]
) -> RequestFacts:
    owner, campaign = owners.get(str(row.parameters.get("task_name") or ""), ("", ""))
    named = row.parameters.get("campaign")
    return RequestFacts(
        id=row.id,
        action=row.action,
        subject=row.subject or "",
        requested_by=row.requested_by,
        parameters=row.parameters,
        state=RequestState(row.state),
        error=row.error or "",
        created_at=row.created_at,
        finished_at=row.finished_at,
        step=step or "",
        owner=owner,
        campaign=campaign or (named if isinstance(named, str) else ""),
        alarm_rules=frozenset(rules),
    )


def facts_of(
    session: Session, seen: Sequence[Seen], known: dict[int, RequestFacts]
) -> Iterator[EventFacts]:
    """What there is to say of these events, with what is known of their requests and tasks.

    Only what belongs to a request is ours: a peer may send a message of any type and with any
    sender, but it belongs to no request.
    """
    ours = [
        (each, each.payload, known[each.request_id])
        for each in seen
        if each.payload is not None and each.request_id in known
    ]
    owners = tasks.owners(session, (_task_of(payload) for _, payload, _ in ours))
    for each, payload, request in ours:
        owner, campaign = owners.get(_task_of(payload), ("", ""))
        yield EventFacts(
            id=each.id,
            msg_type=each.msg_type,
            at=each.at,
            subject=each.subject,
            payload=payload,
            request_id=request.id,
            action=request.action,
            requested_by=request.requested_by,
            owner=owner,
            campaign=campaign,
        )


def alarms_of(session: Session, seen: Sequence[Seen]) -> Iterator[AlarmFacts]:
    """The alarms that these events announce, as the database has them: peers announce none."""
    said = [(each, each.payload) for each in seen if each.payload and each.msg_type == ALARM]
    numbers = [payload.get("rule_id") for _, payload in said]
    known = {each.key: each for each in alarms.of_rules(session, numbers)}
    for event, payload in said:
        episode, is_over = known.get(str(payload.get("key"))), bool(payload.get("is_over"))
        if episode is not None and (episode.ended_at is not None or not is_over):
            yield _alarm(event, episode, is_over=is_over)


def _alarm(event: Seen, episode: AlarmEpisode, *, is_over: bool) -> AlarmFacts:
    names = ("key", "rule_id", "kind", "about", "owner", "campaign", "text", "action_taken")
    lasted = (episode.ended_at or event.at) - episode.began_at
    return AlarmFacts(
        event_id=event.id,
        at=event.at,
        is_over=is_over,
        severity=Severity(episode.severity),
        request_id=episode.request_id,
        seconds=lasted.total_seconds() if is_over else None,
        **{name: getattr(episode, name) for name in names},
    )


def _task_of(payload: dict[str, Any]) -> str:
    name = payload.get("task_name")
    return name if isinstance(name, str) else ""
