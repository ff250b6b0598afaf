"""What one schedule does: drawn from its seed alone, so that it can be printed and repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deployments.bench.common.shares import share

STFS_A_SECOND: Final = 10.0
_SHORTEST_SECONDS: Final = 5.0
_LONGEST_SECONDS: Final = 15.0


class Kind(StrEnum):
    """What is wrong for a while."""

    READ_ONLY = "database read-only"
    AWAY = "database away"
    RESTARTED = "database restarted"
    FULL = "database full"
    PREFECT_AWAY = "Prefect away"
    PREFECT_WIPED = "Prefect wiped"
    DEPLOYMENT_DELETED = "deployment deleted"
    POOL_DELETED = "work pool deleted"
    BROKER_AWAY = "broker away"
    BROKER_EMPTIED = "broker emptied"


class Way(StrEnum):
    """How it comes about."""

    PLAIN = "plain"
    STOPPED = "stopped"
    FROZEN = "frozen"
    """SIGSTOP: connections are taken, and nothing is answered."""
    KILLED = "killed"
    NO_WAL = "without room for WAL"
    """PostgreSQL panics, and cannot start before there is room."""


_WAYS: Final = {
    Kind.AWAY: (Way.STOPPED, Way.FROZEN),
    Kind.FULL: (Way.PLAIN, Way.NO_WAL),
    Kind.PREFECT_AWAY: (Way.STOPPED, Way.FROZEN),
    Kind.BROKER_AWAY: (Way.KILLED, Way.FROZEN),
}
BY_BUS: Final = frozenset({Kind.BROKER_AWAY, Kind.BROKER_EMPTIED})
"""Kinds whose STFs are announced on the bus."""
_AT_ONCE: Final = frozenset({Kind.RESTARTED, Kind.DEPLOYMENT_DELETED, Kind.POOL_DELETED})
"""Kinds that are over as soon as they have begun."""
_DEPLOYMENTS: Final = ("submit_task", "sample_stfs", "fetch_payload_log")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Everything that one schedule does.

    Attributes:
        deployment: The action whose deployment is deleted; empty where none is.
        begins_seconds: How long there is load before the fault.
        lasts_seconds: How long the fault lasts.
        submit_seconds: Interval of the submissions.
        fetch_seconds: Interval of the fetches.
    """

    seed: int
    kind: Kind
    way: Way
    deployment: str
    begins_seconds: float
    lasts_seconds: float
    submit_seconds: float
    fetch_seconds: float

    def __str__(self) -> str:
        what = [self.kind.value, self.deployment, "" if self.way is Way.PLAIN else self.way.value]
        return (
            f"seed {self.seed}: {' '.join(filter(None, what))} after {self.begins_seconds:g} s "
            f"for {self.lasts_seconds:g} s | {STFS_A_SECOND:g} STF/s, a submission every "
            f"{self.submit_seconds:g} s, a fetch every {self.fetch_seconds:g} s"
        )


def draw(seed: int) -> Schedule:
    """The schedule of a seed; the same each time."""
    chance = random.Random(f"outage {seed}")  # noqa: S311 - no secret
    kind = share("outage", tuple(Kind), seed)
    block = seed // len(Kind)
    lasts = round(chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS), 1)
    deletes = kind is Kind.DEPLOYMENT_DELETED
    return Schedule(
        seed=seed,
        kind=kind,
        way=share(kind, _WAYS.get(kind, (Way.PLAIN,)), block),
        deployment=share("deployment", _DEPLOYMENTS, block) if deletes else "",
        begins_seconds=round(chance.uniform(1.0, 4.0), 1),
        lasts_seconds=0.0 if kind in _AT_ONCE else lasts,
        submit_seconds=round(chance.uniform(6.0, 10.0), 1),
        fetch_seconds=round(chance.uniform(4.0, 8.0), 1),
    )
