"""Which ends of credentials are to be announced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flows.common import expiry
from flows.notifications.alarms.conditions import Credential


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A credential that ends, and whom it concerns.

    Attributes:
        owner: Whose token of the API it is; None: it is the ops side's.
    """

    credential: str
    not_after: datetime
    owner: str | None = None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """An end that is to be announced, so many days before it."""

    ending: Ending
    threshold_days: float


def endings_of(credentials: Iterable[Credential], at: datetime) -> Iterator[Ending]:
    """The ends of the ops side's credentials; what is renewed by itself has none until it is over.

    What was to be renewed in time and was not is not said to be renewed.
    """
    for each in credentials:
        is_ending = expiry.ends(each.not_after, at, is_renewed=each.is_renewed)
        if each.not_after is not None and is_ending:
            yield Ending(credential=each.kind, not_after=each.not_after)


def due(
    endings: Iterable[Ending], at: datetime, thresholds_days: Iterable[float]
) -> Iterator[Notice]:
    """What is to be announced now, if it was not before: of each end, the nearest threshold."""
    thresholds = list(thresholds_days)
    for each in endings:
        nearest = expiry.crossed(each.not_after, at, thresholds)
        if nearest is not None:
            yield Notice(ending=each, threshold_days=nearest)
