"""What one schedule does: drawn from its seed alone, so that it can be printed and repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deployments.bench.common.shares import share

STFS_A_SECOND: Final = 20.0
HOSTS: Final = 2
LEASE_SECONDS: Final = 10.0
"""Of the workers that are tried: shorter than by default, so that nobody waits long for it."""
_KILL_SECONDS: Final = (2.0, 10.0)  # as long as a supervisor may take to start it again
_AWAY_SECONDS: Final = (4.0, 36.0)  # also longer than it takes until another has its work


class Kind(StrEnum):
    """What is struck, on one of the hosts or on the machine that both stand on."""

    WORKER = "worker killed"
    API = "web tier killed"
    PREFECT = "Prefect's API server killed"
    RELAY = "relay killed"
    SERVICES = "Prefect's services killed"
    REDIS = "Redis killed"
    HOST = "host killed"
    CUT = "host cut off"
    CUT_WRITING = "host cut off while it writes an event"


_SPANS: Final = {
    Kind.HOST: _AWAY_SECONDS,
    Kind.CUT: _AWAY_SECONDS,
    Kind.CUT_WRITING: (28.0, 36.0),  # PostgreSQL finds out within 25 s
}
PROCESS: Final = {
    Kind.WORKER: "worker",
    Kind.API: "api",
    Kind.PREFECT: "prefect",
    Kind.RELAY: "relay",
    Kind.SERVICES: "prefect-services",
    Kind.REDIS: "redis",
}
"""The process that a kind kills."""
CUTS: Final = frozenset({Kind.CUT, Kind.CUT_WRITING})
"""Kinds that kill nothing: what is on the host goes on, and comes back."""
OF_HOSTS: Final = CUTS | {Kind.HOST}
"""Kinds that strike all that is on a host."""
OF_WORKERS: Final = OF_HOSTS | {Kind.WORKER}
"""Kinds after which another worker may take over what the struck one had in hand."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything that one schedule does.

    Attributes:
        host: Number of the host that is struck.
        begins_seconds: How long there is load before.
        lasts_seconds: How long it is away.
        submit_seconds: Interval of the submissions.
        sweep_seconds: Interval of the sweeps.
    """

    seed: int
    kind: Kind
    host: int
    begins_seconds: float
    lasts_seconds: float
    submit_seconds: float
    sweep_seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kind.value} (host {self.host}) after "
            f"{self.begins_seconds:g} s for {self.lasts_seconds:g} s | {STFS_A_SECOND:g} STF/s, a "
            f"submission every {self.submit_seconds:g} s, a sweep every {self.sweep_seconds:g} s"
        )


def draw(seed: int) -> Schedule:
    """The schedule of a seed; the same each time."""
    chance = random.Random(f"hosts {seed}")  # noqa: S311 - no secret
    kind = share("hosts", tuple(Kind), seed)
    span = _SPANS.get(kind, _KILL_SECONDS)
    return Schedule(
        seed=seed,
        kind=kind,
        host=chance.randint(1, HOSTS),
        begins_seconds=round(chance.uniform(3.0, 8.0), 1),
        lasts_seconds=round(chance.uniform(*span), 1),
        submit_seconds=round(chance.uniform(3.0, 6.0), 1),
        sweep_seconds=round(chance.uniform(10.0, 15.0), 1),
    )
