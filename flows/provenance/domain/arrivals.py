"""Which files arrived at Rucio between two sweeps, by campaign and dataset. Pure.

Rucio says which files were made after a time, not when each was. So a sweep asks from a while
before the one before it, and leaves out what that one saw: no file falls between two sweeps, for
a clock that differs or a transaction that took its time, and none is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

OVERLAP: Final = timedelta(hours=1)
"""How far back a sweep asks again: more than Rucio's clock differs, or a transaction takes."""
FIRST_WINDOW: Final = timedelta(hours=24)
_CAMPAIGN_PART: Final = 2
_UNNAMED: Final = ""


@dataclass(frozen=True)
class PreviousSweep:
    """When the sweep before began, and which newest files it saw."""

    began_at: datetime
    recent: frozenset[str]


@dataclass(frozen=True)
class Arrived:
    """What one sweep found new; `recent` is for the next one."""

    files: int
    by_campaign: Mapping[str, Mapping[str, Any]]
    recent: tuple[str, ...]

    @property
    def unknown_campaigns(self) -> tuple[str, ...]:
        """Campaigns that files arrived of and PCS does not know."""
        return tuple(name for name, counted in self.by_campaign.items() if not counted["is_known"])


def window_start(before: PreviousSweep | None, now: datetime) -> datetime:
    """What the files that count were made after: the sweep before, or a day ago."""
    return before.began_at if before is not None else now - FIRST_WINDOW


def asked_since(before: PreviousSweep | None, now: datetime) -> datetime:
    """The time to ask Rucio from."""
    return before.began_at - OVERLAP if before is not None else now - FIRST_WINDOW


def count_arrivals(
    names: Iterable[str],
    *,
    before: PreviousSweep | None,
    newest: Collection[str],
    known_campaigns: Collection[str],
) -> Arrived:
    """Count the files that the sweep before did not see.

    Args:
        names: Files made since :func:`asked_since`.
        before: The sweep before; None: there was none.
        newest: Files made since :data:`OVERLAP` before this one began, asked after `names`.
        known_campaigns: Names of PCS's campaigns.
    """
    seen = before.recent if before is not None else frozenset()
    files: dict[str, Counter[str]] = {}
    recent, total = [], 0
    fresh = set(newest)
    for name in names:
        if name in fresh:
            recent.append(name)
        if name in seen:
            continue
        total += 1
        dataset = name.rpartition("/")[0]
        files.setdefault(campaign_of(name), Counter())[dataset] += 1
    return Arrived(
        total,
        {
            campaign: {
                "files": counted.total(),
                "datasets": dict(sorted(counted.items())),
                "is_known": campaign in known_campaigns,
            }
            for campaign, counted in sorted(files.items())
        },
        tuple(sorted(recent)),
    )


def campaign_of(name: str) -> str:
    """The campaign in ``/<STAGE>/<campaign>/...``; empty where there is none."""
    parts = name.split("/")
    return parts[_CAMPAIGN_PART] if len(parts) > _CAMPAIGN_PART + 1 else _UNNAMED
