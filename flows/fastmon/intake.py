"""The one door for bus messages: REST, the directory scan and (later) the bus bring them here.

A message is relayed as an event; an announced STF goes into its namespace's inbox as well, and
a sampling request is opened or joined. All of a batch commits together, then it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flows.common import events, requests
from flows.common.database import now, transaction
from flows.common.settings import settings
from flows.fastmon import repository
from flows.fastmon.actions import SAMPLE_STFS, SampleStfs
from flows.fastmon.models import InboxState
from flows.fastmon.repository import Arrival
from flows.fastmon.schemas import Message, StfReady


class Taken(StrEnum):
    """What the door did with a message."""

    RELAYED = "relayed"
    """Relayed to listeners; there was nothing to sample."""
    ACCEPTED = "accepted"
    """Relayed, and its STF waits in the inbox."""
    REPEATED = "repeated"
    """Relayed; its STF was in the inbox already, nothing changed."""
    SET_ASIDE = "set_aside"
    """Relayed; its STF is kept, with the reason why it is not sampled."""


@dataclass(frozen=True)
class Outcome:
    """What became of one message: its event, and its STF if it announced one."""

    event_id: int
    taken: Taken
    reason: str | None = None


def take_in(
    engine: Engine,
    messages: Sequence[tuple[dict[str, Any], Message]],
    *,
    requested_by: str,
    source: str,
) -> list[Outcome]:
    """Store, relay and, where they announce STFs, queue `messages`, in one transaction.

    Args:
        engine: The database.
        messages: Bodies as they came, each with its parsed form.
        requested_by: Who brings them.
        source: The surface that they came by.

    Raises:
        DatabaseUnavailable: Nothing was stored.
    """
    at = now()
    with transaction(engine) as session:
        outcomes = _queue_stfs(session, messages, requested_by=requested_by, source=source)
        ids = events.commit(session, [events.message_event(body, at=at) for body, _ in messages])
    return [
        replace(outcome, event_id=event_id) for outcome, event_id in zip(outcomes, ids, strict=True)
    ]


def _queue_stfs(
    session: Session,
    messages: Sequence[tuple[dict[str, Any], Message]],
    *,
    requested_by: str,
    source: str,
) -> list[Outcome]:
    asked = [_arrivals(session, body, message) for body, message in messages]
    verdicts = _store(session, [arrival for group in asked for arrival in group])
    waiting = sorted({key[0] for key, found in verdicts.items() if found.taken is Taken.ACCEPTED})
    for namespace in waiting:
        requests.accept(
            session,
            SAMPLE_STFS,
            SampleStfs(namespace=namespace),
            requested_by=requested_by,
            source=source,
        )
    repository.ring(session, waiting)
    return [verdicts[group[0].key] if group else Outcome(0, Taken.RELAYED, None) for group in asked]


def _arrivals(session: Session, body: dict[str, Any], message: Message) -> list[Arrival]:
    """The STFs that the message announces: its own, or those registered for its run.

    The real data agent names no file (contract section 1.6 b): then they are looked up.
    """
    if not isinstance(message, StfReady):
        return []
    if message.filename is not None:
        return [_arrival(body, message, message.filename)]
    if message.run_number is None:
        return []
    names = repository.registered_names(session, message.run_number)
    return [_arrival({**body, "filename": name}, message, name) for name in names]


def _arrival(body: dict[str, Any], message: StfReady, name: str) -> Arrival:
    reason = _reason_against(message)
    return Arrival(
        namespace=message.namespace or "",
        stf_filename=name,
        run_number=message.run_number,
        is_first=message.sequence == 1,
        message=body,
        state=InboxState.SET_ASIDE if reason else InboxState.WAITING,
        reason=reason,
    )


def _reason_against(message: StfReady) -> str | None:
    served = settings().fastmon.namespaces
    if served and (message.namespace or "") not in served:
        return f"namespace {message.namespace or ''!r} is not served"
    if message.run_number is None:
        return f"run {message.run_id!r} is not an integer that a run number can be"
    return None


def _store(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], Outcome]:
    """Put each STF into the inbox once; gives the verdict on each by its key."""
    distinct = {arrival.key: arrival for arrival in reversed(arrivals)}
    verdicts = _already_known(session, list(distinct.values()))
    fresh = [arrival for key, arrival in distinct.items() if key not in verdicts]
    fresh = _mark_first(session, list(reversed(fresh)))
    stored = repository.arrive(session, fresh, now())
    for arrival in fresh:
        if arrival.key in stored:
            taken = Taken.ACCEPTED if arrival.reason is None else Taken.SET_ASIDE
            verdicts[arrival.key] = Outcome(0, taken, arrival.reason)
    # What was not stored met another's row between the look and the insert: look again.
    missed = [arrival for arrival in fresh if arrival.key not in stored]
    if missed:
        verdicts |= _already_known(session, missed)
    return verdicts


def _already_known(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], Outcome]:
    """Verdicts on the STFs whose file name is in the inbox; a foreign name is set aside."""
    known = repository.known_names(session, [arrival.stf_filename for arrival in arrivals])
    own = {(row.namespace, row.stf_filename): row for row in known}
    owner = {row.stf_filename: row for row in known if row.state != InboxState.SET_ASIDE}
    verdicts: dict[tuple[str, str], Outcome] = {}
    foreign = []
    for arrival in arrivals:
        if arrival.key in own:
            row = own[arrival.key]
            is_aside = row.state == InboxState.SET_ASIDE
            verdicts[arrival.key] = Outcome(
                0, Taken.SET_ASIDE if is_aside else Taken.REPEATED, row.reason
            )
        elif arrival.stf_filename in owner and arrival.reason is None:
            namespace = owner[arrival.stf_filename].namespace
            reason = f"the file name belongs to namespace {namespace!r}"
            foreign.append(replace(arrival, state=InboxState.SET_ASIDE, reason=reason))
            verdicts[arrival.key] = Outcome(0, Taken.SET_ASIDE, reason)
    repository.arrive(session, foreign, now())
    return verdicts


def _mark_first(session: Session, fresh: Sequence[Arrival]) -> list[Arrival]:
    """Mark the first STF of each run: sequence 1, else the first that was accepted."""
    waiting = [arrival for arrival in fresh if arrival.reason is None]
    first = repository.claim_first(session, waiting)
    return [
        replace(arrival, is_first=True) if arrival.key in first else arrival for arrival in fresh
    ]
