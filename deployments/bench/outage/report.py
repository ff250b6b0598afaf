"""The figures of the schedules that were played, and what went against the rules in which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from deployments.bench.common.figures import Report, at_most
from deployments.bench.outage.checks import Breach, BreachKind
from deployments.bench.outage.healing import (
    CLAIM_SECONDS,
    HEAL_SECONDS,
    PATIENCE_SECONDS,
    Healed,
)
from deployments.bench.outage.schedules import Schedule

SHOWN: Final = 12
"""So many breaches of one schedule are shown."""
_COUNTED: Final = {
    "lost": BreachKind.LOST,
    "doubled": BreachKind.DOUBLED,
    "false_ends": BreachKind.FALSE_END,
    "unsaid": BreachKind.UNSAID,
    "refused": BreachKind.REFUSED,
}


@dataclass(frozen=True, kw_only=True)
class Played:
    """A schedule that was played, and what came of it."""

    schedule: Schedule
    healed: Healed
    wishes: int
    seconds: float
    breaches: Sequence[Breach]

    def __str__(self) -> str:
        lines = [str(self.schedule), f"  healing: {self.healed}"]
        lines += [f"  {breach}" for breach in self.breaches[:SHOWN]]
        if len(self.breaches) > SHOWN:
            lines.append(f"  and {len(self.breaches) - SHOWN} more")
        return "\n".join([*lines, f"  again: prodops bench outage --only {self.schedule.seed}"])


def fill(report: Report, played: Sequence[Played]) -> None:
    """Add the figures, and a note for each schedule in which something is not as it must be."""
    found = [breach.kind for each in played for breach in each.breaches]
    report.add("schedules", len(played))
    for name, kind in _COUNTED.items():
        report.add(name, found.count(kind), at_most(0))
    first = _slowest(each.healed.first_claim_s for each in played)
    report.add("slowest_first_claim_s", first, at_most(CLAIM_SECONDS))
    slowest = _slowest(each.healed.heal_s for each in played)
    report.add("slowest_heal_s", slowest, at_most(HEAL_SECONDS))
    report.add("wishes", sum(each.wishes for each in played))
    report.add("seconds_per_schedule", sum(each.seconds for each in played) / max(1, len(played)))
    for each in played:
        if each.breaches or each.healed.is_late:
            report.note(str(each))


def _slowest(values: Iterable[float | None]) -> float:
    return max((PATIENCE_SECONDS if each is None else each for each in values), default=0.0)
