"""When what is sent: at most so many messages a minute, and what is over becomes a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.notifications.domain.words import Outcome, Severity

MINUTE_SECONDS: Final = 60.0
_BACKLOG: Final = 3  # so many that waited long are told one by one
_NAMED: Final = 5  # failures that a summary names


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A notification that waits for its turn."""

    id: int
    at: datetime
    name: str
    outcome: Outcome
    severity: Severity
    subject: str
    tries: int = 0
    is_summary: bool = False


@dataclass(frozen=True)
class Turn:
    """What is sent next: that one, or a summary of them; `ids` is empty where nothing is."""

    ids: tuple[int, ...] = ()
    is_summary: bool = False


def next_turn(
    waiting: Sequence[Waiting], *, room: int, now: datetime, backlog_seconds: float
) -> Turn:
    """What a channel is sent next.

    What was tried before goes first and alone: it shows whether the other side is back.

    Args:
        waiting: What waits, the oldest first.
        room: How many messages the minute has room for.
        now: The time.
        backlog_seconds: What has waited for so long comes from an outage.
    """
    if not waiting or room <= 0:
        return Turn()
    tried = next((each for each in waiting if each.tries), None)
    if tried is not None:
        return Turn((tried.id,))
    fresh = [each for each in waiting if not each.is_summary]
    oldest = (now - waiting[0].at).total_seconds()
    is_backlog = oldest > backlog_seconds and len(fresh) > _BACKLOG
    if len(fresh) > 1 and (len(fresh) > room or is_backlog):
        return Turn(tuple(each.id for each in fresh), is_summary=True)
    return Turn((waiting[0].id,))


def summary_of(held: Sequence[Waiting]) -> dict[str, Any]:
    """The columns of the summary of what was held back."""
    outcomes = Counter(each.outcome for each in held)
    worst = max((each.severity for each in held), key=list(Severity).index)
    counted = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    failed = [each for each in held if each.outcome is Outcome.FAILED]
    named = [" ".join(filter(None, (each.name, each.subject))) for each in failed[:_NAMED]]
    return {
        "outcome": worst_outcome(outcomes),
        "severity": worst,
        "name": "summary",
        "title": f"{len(held)} more: {counted}",
        "body": {
            "count": len(held),
            "outcomes": {str(outcome): number for outcome, number in outcomes.most_common()},
            "names": dict(Counter(each.name for each in held).most_common(_NAMED)),
            "failed": named,
            "first_at": held[0].at.isoformat(),
            "last_at": held[-1].at.isoformat(),
        },
    }


def worst_outcome(outcomes: Counter[Outcome]) -> Outcome:
    """The worst of several outcomes."""
    order = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.CANCELLED, Outcome.NOTED)
    return next((each for each in order if outcomes[each]), Outcome.COMPLETED)
