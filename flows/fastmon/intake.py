"""Where bus messages come in: REST and the directory scan bring them here.

A message is relayed as an event; an announced STF goes into its namespace's inbox as well, and
a sampling request is opened or joined. All of a batch commits together, then it is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flows.common import canary, events, requests, run_states
from flows.common.callers import Caller
from flows.common.database import now, transaction
from flows.common.settings import settings
from flows.fastmon import repository
from flows.fastmon.actions import SAMPLE_STFS, SampleStfs
from flows.fastmon.models import InboxState
from flows.fastmon.repository import Arrival
from flows.fastmon.schemas import Lifecycle, Message, StfReady

_Key = tuple[str, str]  # namespace, STF file name


class Taken(StrEnum):
    """What was done with a message."""

    RELAYED = "relayed"
    """Relayed to listeners; there was nothing to sample."""
    ACCEPTED = "accepted"
    """Relayed, and its STF waits in the inbox."""
    REPEATED = "repeated"
    """Relayed; its STF was in the inbox already, nothing changed."""
    SET_ASIDE = "set_aside"
    """Relayed; its STF is kept, with the reason why it is not sampled."""


@dataclass(frozen=True)
class Incoming:
    """A message on its way in: its body as it came, its parsed form, and who brings it."""

    body: dict[str, Any]
    message: Message
    caller: Caller


@dataclass(frozen=True)
class Verdict:
    """What is done with a message, and why where its STF is not sampled."""

    taken: Taken
    reason: str | None = None


def take_in(
    engine: Engine, messages: Sequence[Incoming], *, source: str
) -> list[tuple[int, Verdict]]:
    """Store, relay and, where they announce STFs, queue `messages`, in one transaction.

    Args:
        engine: The database.
        messages: What comes in.
        source: The surface that they came by.

    Returns:
        Of each message, in order: the id of its event, and what was done with it.

    Raises:
        DatabaseUnavailable: Nothing was stored.
    """
    with transaction(engine) as session:
        return commit(session, messages, at=now(), source=source)


def commit(
    session: Session, messages: Sequence[Incoming], *, at: datetime, source: str
) -> list[tuple[int, Verdict]]:
    """Do as :func:`take_in` does, in a session, which is committed."""
    verdicts = bring_about(session, messages, at=at, source=source)
    ids = events.commit(session, [events.message_event(each.body, at=at) for each in messages])
    return list(zip(ids, verdicts, strict=True))


def bring_about(
    session: Session, messages: Sequence[Incoming], *, at: datetime, source: str
) -> list[Verdict]:
    """Do what messages bring about: states of runs advance, announced STFs wait to be sampled.

    Args:
        session: The database.
        messages: What came, in order.
        at: When.
        source: The surface that they came by.

    Returns:
        What is done with each message, in order.
    """
    verdicts = _queue_stfs(session, messages, source=source)
    run_states.advance(session, _lifecycle(messages), at)
    return verdicts


def _lifecycle(messages: Iterable[Incoming]) -> list[Lifecycle]:
    """The messages that the states of runs follow."""
    return [each.message for each in messages if isinstance(each.message, Lifecycle)]


def _queue_stfs(session: Session, messages: Sequence[Incoming], *, source: str) -> list[Verdict]:
    """Put the STFs that `messages` announce into their inboxes, and have these served."""
    arrivals = [_arrivals(session, each.message) for each in messages]
    verdicts = _store(session, [arrival for group in arrivals for arrival in group])
    callers: dict[str, Caller] = {}
    for each, group in zip(messages, arrivals, strict=True):
        for arrival in group:
            if verdicts[arrival.key].taken is Taken.ACCEPTED:
                callers.setdefault(arrival.namespace, each.caller)
    # In name order, so that two transactions never wait for each other.
    for namespace, caller in sorted(callers.items()):
        form = SampleStfs(namespace=namespace)
        accepted = requests.accept(session, SAMPLE_STFS, form, caller=caller, source=source)
        if not accepted.is_new:  # of a new one the workers are notified
            repository.notify_sampler(session, namespace)
    return [verdicts[group[0].key] if group else Verdict(Taken.RELAYED) for group in arrivals]


def _arrivals(session: Session, message: Message) -> list[Arrival]:
    """The STFs that the message announces: its own, or those registered for its run.

    The real data agent names no file (contract section 1.6 b): then they are looked up.
    """
    if not isinstance(message, StfReady):
        return []
    if message.filename is not None:
        return [_arrival(message, message.filename)]
    if message.run_number is None:
        return []
    names = repository.registered_names(session, message.run_number)
    return [_arrival(message, name) for name in names]


def _arrival(message: StfReady, name: str) -> Arrival:
    reason = _reason_against(message)
    return Arrival(
        namespace=message.namespace or "",
        stf_filename=name,
        run_number=message.run_number,
        is_first=message.sequence == 1,
        size_bytes=message.size_bytes,
        tf_count=message.tf_count,
        checksum=message.checksum,
        daq_state=message.state,
        daq_substate=message.substate,
        execution_id=message.execution_id,
        state=InboxState.SET_ASIDE if reason else InboxState.WAITING,
        reason=reason,
    )


def _reason_against(message: StfReady) -> str | None:
    served = settings().fastmon.namespaces
    if served and (message.namespace or "") not in {*served, canary.NAMESPACE}:
        return f"namespace {message.namespace or ''!r} is not served"
    if message.run_number is None:
        return f"run {message.run_id!r} is not an integer that a run number can be"
    return None


def _store(session: Session, arrivals: Iterable[Arrival]) -> dict[_Key, Verdict]:
    """Put each STF into the inbox once; gives the verdict on each by its key."""
    distinct: dict[_Key, Arrival] = {}
    for arrival in arrivals:
        distinct.setdefault(arrival.key, arrival)
    verdicts = _already_known(session, list(distinct.values()))
    fresh = [arrival for key, arrival in distinct.items() if key not in verdicts]
    fresh = _refuse_pruned(session, fresh)
    stored = repository.arrive(session, _mark_first(session, fresh), now())
    for arrival in fresh:
        if arrival.key in stored:
            taken = Taken.ACCEPTED if arrival.reason is None else Taken.SET_ASIDE
            verdicts[arrival.key] = Verdict(taken, arrival.reason)
    # What was not stored met another's row between the look and the insert: look again.
    missed = [arrival for arrival in fresh if arrival.key not in stored]
    return verdicts | _already_known(session, missed) if missed else verdicts


def _already_known(session: Session, arrivals: Sequence[Arrival]) -> dict[_Key, Verdict]:
    """Verdicts on the STFs whose file name is in the inbox; a foreign name is set aside."""
    known = repository.known_names(session, [arrival.stf_filename for arrival in arrivals])
    own = {(row.namespace, row.stf_filename): row for row in known}
    owner = {row.stf_filename: row for row in known if row.state != InboxState.SET_ASIDE}
    verdicts: dict[_Key, Verdict] = {}
    foreign = []
    for arrival in arrivals:
        if (row := own.get(arrival.key)) is not None:
            is_aside = row.state == InboxState.SET_ASIDE
            taken = Taken.SET_ASIDE if is_aside else Taken.REPEATED
            verdicts[arrival.key] = Verdict(taken, row.reason)
        elif arrival.stf_filename in owner and arrival.reason is None:
            reason = f"the file name belongs to namespace {owner[arrival.stf_filename].namespace!r}"
            foreign.append(replace(arrival, state=InboxState.SET_ASIDE, reason=reason))
            verdicts[arrival.key] = Verdict(Taken.SET_ASIDE, reason)
    repository.arrive(session, foreign, now())
    return verdicts


def _refuse_pruned(session: Session, fresh: Sequence[Arrival]) -> list[Arrival]:
    """Set STFs aside whose runs were pruned: one that was sampled long ago has no row any more."""
    numbers = {arrival.run_number for arrival in fresh if arrival.run_number is not None}
    pruned = repository.pruned_runs(session, numbers) if numbers else {}
    return [
        replace(
            arrival,
            state=InboxState.SET_ASIDE,
            reason=f"run {arrival.run_number} was pruned on {pruned[arrival.run_number]:%Y-%m-%d}: "
            "its STFs are no longer taken",
        )
        if arrival.run_number in pruned and arrival.reason is None
        else arrival
        for arrival in fresh
    ]


def _mark_first(session: Session, fresh: Sequence[Arrival]) -> list[Arrival]:
    """Mark the first STF of each run: sequence 1, else the first that was accepted."""
    waiting = [arrival for arrival in fresh if arrival.reason is None]
    first = repository.claim_first(session, waiting)
    return [
        replace(arrival, is_first=True) if arrival.key in first else arrival for arrival in fresh
    ]
