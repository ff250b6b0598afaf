"""What must hold when a schedule is over; each breach by its kind and in words. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deployments.bench.outage.evidence import Asked, Evidence
from deployments.bench.outage.load import Sort, Wish
from deployments.bench.outage.pages import Look
from deployments.bench.outage.schedules import Kind
from flows.payload_logs import messages as logs
from flows.provenance import messages as provenance
from flows.submission import messages as submissions

QUEUED_SECONDS: Final = 5.0
"""So long a request may wait in the queue, or not be taken, before a page must say so."""
_SEEN: Final = 2.0  # seconds that a page may have its answer before the bench has seen one
NOTICED_SECONDS: Final[Mapping[StrEnum, float]] = {
    Kind.READ_ONLY: 5.0,
    Kind.AWAY: 5.0,
    Kind.PREFECT_AWAY: 12.0,  # a heartbeat, its patience with Prefect, and the page's cache
    Kind.PREFECT_WIPED: 12.0,
    Kind.BROKER_AWAY: 12.0,  # its heartbeats, and the page's cache
    Kind.BROKER_EMPTIED: 12.0,
}
"""So long a fault may last before every page says what is away, and since when."""

_WAITS: Final = re.compile(r"[^.]*\brequests? waits?\b[^.]* since [^.]*\.")
_AWAY: Final = re.compile(r"(since|last heard at) [^.]*\d\d:\d\d:\d\d")
_UNAVAILABLE: Final = 503
_SUCCESS: Final = {submissions.SUBMITTED, logs.READY, provenance.SNAPSHOT}
_ANNOUNCING: Final = {"submit_task", "fetch_payload_log", "rucio_snapshot_update"}
_GOOD_LOG: Final = "ready"


class BreachKind(StrEnum):
    """The kind of a breach."""

    LOST = "lost"
    DOUBLED = "doubled"
    FALSE_END = "false_end"
    UNSAID = "unsaid"
    REFUSED = "refused"
    """An answer that was neither an acceptance nor of an outage."""
    TAKEN = "taken"
    """A request that was taken from a worker that was well."""


@dataclass(frozen=True)
class Breach:
    """Something that does not hold."""

    kind: BreachKind
    text: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.text}"


def breaches(evidence: Evidence) -> list[Breach]:
    """Every breach of what must hold; empty where all does."""
    return [breach for check in _CHECKS for breach in check(evidence)]


def _every_wish_is_accepted(found: Evidence) -> Iterator[Breach]:
    for wish in found.wishes:
        for refusal in wish.refusals:
            yield Breach(BreachKind.REFUSED, f"the {wish.sort} {wish.name} was answered {refusal}")
        if not wish.is_over:
            yield Breach(BreachKind.LOST, f"the {wish.sort} {wish.name} was never taken")


def _every_accepted_request_is_there(found: Evidence) -> Iterator[Breach]:
    known = {each.id for each in found.requests}
    for wish in found.wishes:
        if wish.request_id is not None and wish.request_id not in known:
            yield Breach(BreachKind.LOST, f"request {wish.request_id} of {wish.name} is not there")


def _every_request_has_ended_well(found: Evidence) -> Iterator[Breach]:
    """Nothing of the load can fail by itself: an end other than completed is not what happened."""
    for each in found.requests:
        if each.state in {"failed", "cancelled"}:
            yield Breach(BreachKind.FALSE_END, str(each))
        elif each.state != "completed":
            yield Breach(BreachKind.LOST, str(each))


def _every_end_is_announced_once(found: Evidence) -> Iterator[Breach]:
    number = Counter(request_id for request_id, _ in found.finals)
    for each in found.requests:
        has_ended = each.state in {"completed", "failed"}
        if each.action not in _ANNOUNCING or not has_ended or each.joined:
            continue
        if number[each.id] == 0:
            yield Breach(BreachKind.LOST, f"the end of request {each.id} was not announced")
        elif number[each.id] > 1:
            yield Breach(BreachKind.DOUBLED, f"the end of request {each.id} was announced twice")
    yield from _announced_otherwise(found)


def _announced_otherwise(found: Evidence) -> Iterator[Breach]:
    states = {each.id: each.state for each in found.requests}
    for request_id, msg_type in found.finals:
        if msg_type not in _SUCCESS:
            text = f"request {request_id} ({states.get(request_id)}) announced {msg_type}"
            yield Breach(BreachKind.FALSE_END, text)


def _every_stf_is_sampled_once(found: Evidence) -> Iterator[Breach]:
    registered, told = Counter(found.tfs), Counter(found.told)
    for wish in found.of(Sort.STF):
        states = found.inbox.get(wish.name, [])
        if len(states) > 1:
            yield Breach(
                BreachKind.DOUBLED, f"the STF {wish.name} is in the inbox {len(states)} times"
            )
        elif list(states) != ["sampled"]:
            yield Breach(BreachKind.LOST, f"the STF {wish.name} is {states or 'not in the inbox'}")
        for what, number in (("registered", registered), ("announced", told)):
            yield from _tfs(wish.name, what, number[wish.name], found.tfs_per_stf)


def _tfs(name: str, what: str, number: int, wanted: int) -> Iterator[Breach]:
    if number < wanted:
        yield Breach(BreachKind.LOST, f"{number} TFs of {name} are {what}")
    elif number > wanted:
        yield Breach(BreachKind.DOUBLED, f"{number} TFs of {name} are {what}")


def _every_task_is_at_panda_once(found: Evidence) -> Iterator[Breach]:
    ended = _ended_well(found, "submit_task")
    for wish in found.of(Sort.SUBMISSION):
        live, recorded = found.panda.get(wish.name, []), found.recorded.get(wish.name)
        if len(live) > 1:
            yield Breach(BreachKind.DOUBLED, f"PanDA has {len(live)} tasks of {wish.name}: {live}")
        elif not live:
            kind = BreachKind.FALSE_END if wish.name in ended else BreachKind.LOST
            yield Breach(kind, f"PanDA has no task of {wish.name}")
        elif recorded != live[0]:
            kind = BreachKind.FALSE_END if wish.name in ended else BreachKind.LOST
            yield Breach(kind, f"PCS has {recorded} for {wish.name}, PanDA {live[0]}")


def _every_log_is_there(found: Evidence) -> Iterator[Breach]:
    ended = _ended_well(found, "fetch_payload_log")
    for wish in found.of(Sort.FETCH):
        state = found.log_states.get(wish.name)
        if state != _GOOD_LOG:
            kind = BreachKind.FALSE_END if wish.name in ended else BreachKind.LOST
            yield Breach(kind, f"the log of job {wish.name} is {state}")


def _every_client_got_everything_once(found: Evidence) -> Iterator[Breach]:
    for name, kind in (
        ("lost", BreachKind.LOST),
        ("doubled", BreachKind.DOUBLED),
        ("disordered", BreachKind.DOUBLED),
        ("unknown", BreachKind.DOUBLED),
    ):
        if number := found.clients.get(name, 0):
            yield Breach(kind, f"events that clients of the stream got {name}: {number}")


# ------------------------------------------------------------------ what pages say


def _every_wait_is_said(found: Evidence) -> Iterator[Breach]:
    for look in found.looks:
        is_within = found.began_at <= look.at and look.at + look.seconds < found.ended_at - _SEEN
        if is_within and (reason := _unsaid(found, look)):
            yield Breach(BreachKind.UNSAID, f"{reason}, and the page says: {look}")


def _unsaid(found: Evidence, look: Look) -> str | None:
    """What the look ought to say and does not; None where it says it."""
    if not look.status:
        return "nothing was answered"
    is_said = look.status == _UNAVAILABLE and "database" in look.words
    if is_said or _AWAY.search(_WAITS.sub("", look.words)):
        return None
    if (waiting := _queued_at(found.requests, look.at)) and not _WAITS.search(look.words):
        return f"{len(waiting)} requests wait in the queue"
    if untaken := _untaken_at(found.wishes, look.at):
        return f"{len(untaken)} wishes were not taken"
    kind, lasted = found.kind, look.at - found.began_at
    is_due = lasted > NOTICED_SECONDS.get(kind, math.inf)
    return f"{kind} for {lasted:.0f} s" if is_due else None


def _queued_at(requests: Sequence[Asked], at: float) -> list[Asked]:
    """The requests that had waited long enough then, and that nobody had claimed."""
    return [
        each
        for each in requests
        if each.created_at < at - QUEUED_SECONDS
        and (each.claimed_at is None or each.claimed_at > at)
    ]


def _untaken_at(wishes: Sequence[Wish], at: float) -> list[Wish]:
    """What had been asked for long before, and was not taken yet."""
    return [
        each
        for each in wishes
        if each.send is None  # of what waits at the broker, no page can know
        and each.asked_at < at - QUEUED_SECONDS
        and (each.accepted_at is None or each.accepted_at > at)
    ]


def _ended_well(found: Evidence, action: str) -> set[str]:
    """The subjects of an action whose request says that it is completed."""
    return {
        str(each.subject)
        for each in found.requests
        if each.action == action and each.state == "completed"
    }


_CHECKS: Final = (
    _every_wish_is_accepted,
    _every_accepted_request_is_there,
    _every_request_has_ended_well,
    _every_end_is_announced_once,
    _every_stf_is_sampled_once,
    _every_task_is_at_panda_once,
    _every_log_is_there,
    _every_client_got_everything_once,
    _every_wait_is_said,
)
