"""What an open request waits for, and since when, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from api.http.wording import clock, count
from flows.common import actions
from flows.common.database import now
from flows.common.models import Request, RequestState
from flows.common.standing import MOST_COUNTED, Standing
from flows.common.wait_reasons import WaitKind, WaitReason


@dataclass(frozen=True)
class Wait:
    """What a request waits for, in words, and since when."""

    text: str
    since: datetime


@dataclass(frozen=True)
class Load:
    """How much of an action, or of all, is under way.

    Attributes:
        held: How many requests workers hold.
        held_since: When the newest of them was claimed.
        begun: How many were begun within the last minute.
        begun_at: When the newest of those was.
    """

    held: int = 0
    held_since: datetime | None = None
    begun: int = 0
    begun_at: datetime | None = None


@dataclass(frozen=True)
class Surroundings:
    """What the requests of a page have in common.

    Attributes:
        loads: How much is under way, by action; under None: of all.
        places: How many older requests wait before each; absent: very many.
    """

    standing: Standing
    loads: Mapping[str | None, Load]
    places: Mapping[int, int]
    at: datetime = field(default_factory=now)


def wait_of(row: Request, found: Surroundings) -> Wait:
    """What a request waits for that is not worked on."""
    if row.action not in actions.all_actions():
        return Wait(f"no worker of this version knows the action {row.action}", row.created_at)
    if row.not_before is not None and row.not_before > found.at:
        return _until_then(row, row.not_before)
    if (away := _away(row, found.standing)) is not None:
        return away
    if row.state == RequestState.CLAIMED:
        return _closed(row, found.standing) or _for_its_run(row)
    reasons = [_first(row, each, found) for each in found.standing.workers]
    if reasons and all(reasons):  # else one of the workers is free
        return next(each for each in reasons if each is not None)
    return Wait(_turn(found.places.get(row.id)), row.not_before or row.created_at)


def _until_then(row: Request, moment: datetime) -> Wait:
    since = row.claimed_at or row.created_at
    if row.state == RequestState.UNKNOWN:
        return Wait(f"what it did is looked into again at {clock(moment)}", since)
    return Wait(f"it is tried again at {clock(moment)}", since)


def _away(row: Request, found: Standing) -> Wait | None:
    if found.is_read_only:
        since = found.worker_heard_at or row.created_at
        return Wait("the database is read-only", max(since, row.created_at))
    if not found.is_worker_heard:
        heard_at = found.worker_heard_at
        if heard_at is None:
            return Wait("no worker was ever heard", row.created_at)
        return Wait("the worker is away", max(heard_at, row.created_at))
    if found.prefect_away_since is not None:
        return Wait("Prefect does not answer", max(found.prefect_away_since, row.created_at))
    return None


def _closed(row: Request, found: Standing) -> Wait | None:
    """Why Prefect lets no run of its action, or none at all, begin, where a worker says so."""
    reasons = [each for said in found.workers for each in said]
    for each in reasons:
        if each.kind is WaitKind.PAUSED and each.action in {None, row.action}:
            return Wait(each.text, max(each.since or row.created_at, row.created_at))
    return None


def _for_its_run(row: Request) -> Wait:
    limit = actions.get(row.action).runs_at_a_time
    slot = f", which lets {limit} run at a time" if limit is not None else ""
    return Wait(
        f"its run is to begin: Prefect gives it a slot{slot}", row.claimed_at or row.created_at
    )


def _first(row: Request, reasons: Sequence[WaitReason], found: Surroundings) -> Wait | None:
    """The first of a worker's reasons that holds for the request."""
    for reason in reasons:
        if reason.action not in {None, row.action}:
            continue
        if reason.limit is not None:
            wait = _at_limit(row, reason, reason.limit, _load(reason, found.loads))
            if wait is not None:
                return wait
        elif reason.kind is not WaitKind.KEPT or actions.get(row.action).is_background:
            return Wait(reason.text, max(reason.since or row.created_at, row.created_at))
    return None


def _load(reason: WaitReason, loads: Mapping[str | None, Load]) -> Load:
    """How much is under way of what the reason counts."""
    if not reason.counted:
        return loads.get(reason.action, Load())
    counted = [loads[name] for name in reason.counted if name in loads]
    times = (each.held_since for each in counted if each.held_since is not None)
    return Load(sum(each.held for each in counted), max(times, default=None))


def _at_limit(row: Request, reason: WaitReason, limit: int, load: Load) -> Wait | None:
    is_rate = reason.kind is WaitKind.RATE
    number, since = (load.begun, load.begun_at) if is_rate else (load.held, load.held_since)
    if number < limit:
        return None
    text = f"{count(number)} of {count(limit)} {reason.text}"
    return Wait(text, max(since or row.created_at, row.created_at))


def _turn(older: int | None) -> str:
    if older is None:
        return f"its turn: more than {count(MOST_COUNTED)} older requests wait"
    if not older:
        return "a worker is to take it: it is the next"
    return f"its turn: {count(older)} older request{'s wait' if older > 1 else ' waits'}"
