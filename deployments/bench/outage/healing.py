"""How long it takes after a fault until work begins again, and until all that waited is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from deployments.bench.common.stack import BenchStack, comes_true
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage.outside import Prefect
from flows.common import actions
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import OPEN

CLAIM_SECONDS: Final = 15.0
"""In that time the first claim must have come."""
HEAL_SECONDS: Final = 30.0
"""In that time all must have healed."""
PATIENCE_SECONDS: Final = 120.0
"""So long it is waited for all the same, to say how long it took."""
_CLIENTS_SECONDS: Final = 5.0
_FIRST_CLAIM: Final = "SELECT min(claimed_at) FROM request WHERE claimed_at > :since"
# A sampling request goes on as long as STFs come: what it has to do stands in the inbox.
_OPEN: Final = """
    SELECT DISTINCT action FROM request
    WHERE created_at <= :until AND state = ANY(:open) AND action <> 'sample_stfs'
"""
_WAITING: Final = """
    SELECT count(*) FROM fastmon_inbox WHERE state = 'waiting' AND received_at <= :until
"""
_AWAY: Final = "away"


@dataclass(frozen=True, kw_only=True)
class Healed:
    """How long healing took; None: it did not come in `PATIENCE_SECONDS`.

    Attributes:
        first_claim_s: Until the first claim; 0 where nothing waited for one.
        heal_s: Until all was done that had been accepted before, and everything stands as before.
        missing: What was still missing, and for how long.
    """

    first_claim_s: float | None
    heal_s: float | None
    missing: str = ""

    @property
    def is_late(self) -> bool:
        """Whether it took longer than it may."""
        first, heal = self.first_claim_s, self.heal_s
        return first is None or first > CLAIM_SECONDS or heal is None or heal > HEAL_SECONDS

    def __str__(self) -> str:
        first, heal = (
            "never" if each is None else f"after {each:.1f} s"
            for each in (self.first_claim_s, self.heal_s)
        )
        return f"first claim {first}, healed {heal}; {self.missing}"


class Healing:
    """Looks at everything that has to heal."""

    def __init__(self, running: BenchStack, prefect: Prefect, load: LoadProcess) -> None:
        self._running = running
        self._prefect = prefect
        self._load = load
        self._missing: dict[str, float] = {}

    def measure(self, since: float, *, late: Callable[[], None]) -> Healed:
        """Wait until all has healed that was struck until `since`.

        Args:
            since: When what was struck answered again.
            late: Called when healing takes longer than it should, before the wait goes on.
        """
        until = datetime.fromtimestamp(since, UTC)
        self._missing.clear()
        is_healed = comes_true(lambda: self._is_healed(until), HEAL_SECONDS, every_seconds=0.25)
        if not is_healed:
            late()
            left = PATIENCE_SECONDS - HEAL_SECONDS
            is_healed = comes_true(lambda: self._is_healed(until), left, every_seconds=0.25)
        took = time.time() - since
        claimed_at = self._running.values(_FIRST_CLAIM, since=until)[0]
        unclaimed = 0.0 if is_healed else None
        return Healed(
            first_claim_s=(claimed_at - until).total_seconds() if claimed_at else unclaimed,
            heal_s=took if is_healed else None,
            missing=", ".join(
                f"{what} until {at - since:.1f} s" for what, at in self._missing.items()
            ),
        )

    def _is_healed(self, until: datetime) -> bool:
        """Whether nothing is missing; else it is noted what is."""
        try:
            missing = list(self._found_missing(until))
        except (DatabaseUnavailable, httpx.HTTPError) as error:
            missing = [type(error).__name__]
        self._missing |= dict.fromkeys(missing, time.time())
        return not missing

    def _found_missing(self, until: datetime) -> Iterator[str]:
        running = self._running
        for action in running.values(_OPEN, until=until, open=list(OPEN)):
            yield f"open {action}"
        if running.count(_WAITING, until=until):
            yield "STFs that wait"
        health = running.http.get("/api/health/", timeout=_CLIENTS_SECONDS)
        if not health.is_success:
            yield "health"
        standing = running.http.get("/api/health/operations/", timeout=_CLIENTS_SECONDS).json()
        if standing["state"] == _AWAY:
            yield "the strip"
        if not self._prefect.has_pool():
            yield "the work pool"
        if missing := set(actions.all_actions()) - self._prefect.deployments():
            yield f"{len(missing)} deployments"
        if self._load.ask("behind", event_id=running.last_event_id())["clients"]:
            yield "clients of the stream"


def patiently(look: Callable[[], bool]) -> Callable[[], bool]:
    """The same look; what cannot be seen for the database is not so."""

    def attempt() -> bool:
        try:
            return look()
        except DatabaseUnavailable:
            return False

    return attempt
