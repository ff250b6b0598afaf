"""How the ops side stands, in words, for the strip on every page: read once for all who ask."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Final, Literal

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from api.http.errors import Unavailable
from api.http.wording import count, moment_of
from flows.common import standing
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseState
from flows.common.standing import MOST_COUNTED, Bridge, BridgeCondition, Standing

_UNDONE: Final = "nothing that was asked for is done"
_UNTAKEN: Final = f"nothing new is taken, and {_UNDONE}"
_CACHE_SECONDS: Final = 2.0
_USUAL_WAIT_SECONDS: Final = 10.0  # so long a request may wait without a word


class OpsStanding(BaseModel):
    """How the ops side stands: its parts, Prefect, and the requests that wait for them."""

    state: Literal["good", "waiting", "away"]
    text: str
    worker_heard_at: datetime | None
    relay_heard_at: datetime | None
    prefect_away_since: datetime | None
    waiting: int
    waiting_since: datetime | None
    newest_request: int


class StandingCache:
    """What was read last, for two seconds: every page has it, and every browser asks for it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._read_at = 0.0
        self._last: OpsStanding | None = None

    async def get(self, engine: Engine, refused: Unavailable | None) -> OpsStanding:
        """How the ops side stands.

        Args:
            engine: The database.
            refused: What was answered 503 last: a database without room shows it in no other way.

        Raises:
            DatabaseUnavailable: It cannot be read.
        """
        async with self._lock:
            if self._last is None or time.monotonic() - self._read_at > _CACHE_SECONDS:
                self._last = await run_in_threadpool(_read, engine, refused)
                self._read_at = time.monotonic()
            return self._last


async def standing_of(request: Request) -> OpsStanding:
    """How the ops side stands, as of two seconds ago at most."""
    state = request.app.state
    if not hasattr(state, "standing_cache"):
        state.standing_cache = StandingCache()
    cache: StandingCache = state.standing_cache
    return await cache.get(state.engine, state.last_unavailable)


def _read(engine: Engine, refused: Unavailable | None) -> OpsStanding:
    is_full = refused is not None and refused.is_recent and refused.is_of(DatabaseState.FULL)
    full_since = refused.since if refused is not None and is_full else None
    with transaction(engine) as session:
        return in_words(standing.read(session), at=now(), full_since=full_since)


def in_words(found: Standing, *, at: datetime, full_since: datetime | None = None) -> OpsStanding:
    """The standing with its sentence; what hinders comes first."""
    hindrances = _unwritable(found, at, full_since) or _away(found, at)
    waiting = _waiting(found, at)
    is_late = found.waiting_seconds > _USUAL_WAIT_SECONDS
    good = "The worker and Prefect answer."
    return OpsStanding(
        state="away" if hindrances else "waiting" if is_late else "good",
        text=" ".join([*(hindrances or [good]), waiting]),
        worker_heard_at=found.worker_heard_at,
        relay_heard_at=found.relay_heard_at,
        prefect_away_since=found.prefect_away_since,
        waiting=found.waiting,
        waiting_since=found.waiting_since,
        newest_request=found.newest_request,
    )


def _unwritable(found: Standing, at: datetime, full_since: datetime | None) -> list[str]:
    """That the database takes no writes; what the parts are silent about then is its doing."""
    if found.is_read_only:
        heard = [each for each in (found.worker_heard_at, found.relay_heard_at) if each]
        since = f" since {moment_of(max(heard), at)}" if heard else ""
        return [f"The database is read-only{since}: {_UNTAKEN}."]
    if full_since is not None:
        return [f"The database has no room left since {moment_of(full_since, at)}: {_UNTAKEN}."]
    return []


def _away(found: Standing, at: datetime) -> list[str]:
    words = []
    if not found.is_worker_heard:
        words.append(_since("The worker", found.worker_heard_at, at, _UNDONE))
    elif not found.is_relay_heard:
        words.append(_since("The relay", found.relay_heard_at, at, "states of runs come late"))
    if found.prefect_away_since is not None:
        when = moment_of(found.prefect_away_since, at)
        words.append(f"Prefect has not answered since {when}: no run starts.")
    if (bridge := found.missing_bridge) is not None:
        words.append(_unbridged(bridge, at))
    refusals = {each.text: each for each in found.refusals}  # of several workers, once
    words += [f"{text} (since {moment_of(each.since, at)})." for text, each in refusals.items()]
    return words


def _unbridged(bridge: Bridge, at: datetime) -> str:
    effect = "what is sent there waits at the broker"
    if not bridge.is_heard:
        heard = moment_of(bridge.heard_at, at)
        return f"The bridge to the message bus is away, last heard at {heard}: {effect}."
    if bridge.condition is BridgeCondition.STARTING:
        return (
            f"The bridge to the message bus has been starting since {moment_of(bridge.since, at)}."
        )
    reason = f" ({bridge.text})" if bridge.text else ""
    return f"The message bus is away since {moment_of(bridge.since, at)}: {effect}{reason}."


def _since(who: str, heard_at: datetime | None, at: datetime, effect: str) -> str:
    if heard_at is None:
        return f"{who} was never heard: {effect}."
    return f"{who} is away, last heard at {moment_of(heard_at, at)}: {effect}."


def _waiting(found: Standing, at: datetime) -> str:
    if not found.waiting:
        return "Nothing waits."
    number = "1 request waits"
    if found.waiting > MOST_COUNTED:
        number = f"More than {count(MOST_COUNTED)} requests wait, the first"
    elif found.waiting > 1:
        number = f"{count(found.waiting)} requests wait, the first"
    return f"{number} since {moment_of(found.waiting_since, at)}."
