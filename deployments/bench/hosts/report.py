"""The figures of the schedules that were played, and what went against the rules in which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deployments.bench.common.figures import Report, at_least, at_most, median
from deployments.bench.hosts.custody import AttemptEnd, given_back
from deployments.bench.hosts.schedules import OF_HOSTS, Schedule
from deployments.bench.outage.checks import Breach, BreachKind

SHOWN: Final = 12
"""So many breaches of one schedule are shown."""
_COUNTED: Final = {
    "lost": BreachKind.LOST,
    "doubled": BreachKind.DOUBLED,
    "false_ends": BreachKind.FALSE_END,
    "taken_from_the_healthy": BreachKind.TAKEN,
    "refused": BreachKind.REFUSED,
}


@dataclass(frozen=True)
class Strike:
    """When something was away, in Unix time.

    Attributes:
        back_at: When all was well again.
        silent_seconds: The longest time meanwhile in which no event was stored.
    """

    began_at: float
    ended_at: float
    back_at: float
    silent_seconds: float

    @property
    def back_seconds(self) -> float:
        """How long it took from its end until all was well again."""
        return self.back_at - self.ended_at


@dataclass(frozen=True, kw_only=True)
class Played:
    """A schedule that was played, and what came of it.

    Attributes:
        quiet_seconds: How long it took after all was well until nothing was open.
        clients: What the clients of the stream got, and how often they came back.
    """

    schedule: Schedule
    wishes: int
    strike: Strike
    quiet_seconds: float
    ends: Sequence[AttemptEnd]
    clients: Mapping[str, int]
    breaches: Sequence[Breach]

    @property
    def taken_up_after(self) -> list[float]:
        """How long after the strike each lost attempt was taken up, in seconds."""
        return [each.at.timestamp() - self.strike.began_at for each in self.ends if each.lost_by]

    def __str__(self) -> str:
        lines = [str(self.schedule), *(f"  {breach}" for breach in self.breaches[:SHOWN])]
        if len(self.breaches) > SHOWN:
            lines.append(f"  and {len(self.breaches) - SHOWN} more")
        return "\n".join([*lines, f"  again: prodops bench hosts --only {self.schedule.seed}"])


def fill(report: Report, played: Sequence[Played], *, wanted: int) -> None:
    """Add the figures, and a note for each schedule in which something is not as it must be.

    Args:
        report: Where.
        played: The schedules that were played.
        wanted: How many were to be.
    """
    found = [breach.kind for each in played for breach in each.breaches]
    report.add("schedules", len(played), at_least(wanted))
    for name, kind in _COUNTED.items():
        report.add(name, found.count(kind), at_most(0))
    report.add("wishes", sum(each.wishes for each in played))
    report.add("interruptions", sum(each.clients.get("interruptions", 0) for each in played))
    report.add("taken_over", sum(len(each.taken_up_after) for each in played))
    of_hosts = [each for each in played if each.schedule.kind in OF_HOSTS]
    if after := [seconds for each in of_hosts for seconds in each.taken_up_after]:
        report.add("taken_up_after_median_s", median(after))
        report.add("taken_up_after_slowest_s", max(after))
    report.add("slowest_back_s", max((each.strike.back_seconds for each in played), default=0.0))
    report.add("slowest_quiet_s", max((each.quiet_seconds for each in played), default=0.0))
    report.add(
        "longest_without_event_s", max((each.strike.silent_seconds for each in played), default=0.0)
    )
    reasons = sum((given_back(each.ends) for each in played), Counter[str]())
    for reason, number in reasons.most_common():
        report.note(f"{number} attempts ended, and their requests went on: {reason}")
    for each in played:
        if each.breaches:
            report.note(str(each))
