"""How long triggers took until their end, and how much longer under load. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from deployments.bench.common.figures import columns, median, percentile
from deployments.bench.soak.kinds import UNTIMED, Kind, Trigger

Seconds = Mapping[Kind, Sequence[float]]
"""Of each kind, the seconds of its triggers."""
PERCENTS: Final = (50, 95)


def taken(triggers: Iterable[Trigger], ends: Mapping[int, float]) -> dict[Kind, list[float]]:
    """The seconds of the triggers that have ended.

    Args:
        triggers: Of any kind; those that last until something else happens do not count.
        ends: When requests ended, by their ids; seconds since the epoch.
    """
    found: dict[Kind, list[float]] = {}
    for each in triggers:
        if each.kind not in UNTIMED and (ended := ends.get(each.wish.request_id or 0)):
            found.setdefault(each.kind, []).append(ended - each.wish.asked_at)
    return found


def slowdown(quiet: Seconds, loaded: Seconds, percent: float) -> float | None:
    """How many times as long as in the quiet run it took, at a percentile over all kinds.

    Each trigger counts in units of its kind's median in the quiet run, so that quick and slow kinds
    weigh the same. None: no kind has been seen in both runs.
    """
    both = [kind for kind in quiet if loaded.get(kind) and quiet[kind]]
    if not both:
        return None
    units = {kind: median(quiet[kind]) for kind in both}
    before = percentile([each / units[kind] for kind in both for each in quiet[kind]], percent)
    after = percentile([each / units[kind] for kind in both for each in loaded[kind]], percent)
    return after / before


def table(quiet: Seconds, loaded: Seconds) -> str:
    """The percentiles of each kind in both runs, those that were slowed most first."""
    kinds = sorted({*quiet, *loaded}, key=lambda kind: -_times(quiet, loaded, kind))
    header = ("kind", *_titles("quiet"), "n", *_titles("loaded"), "n", "times p50")
    rows = [
        (
            kind.value,
            *_cells(quiet.get(kind, ())),
            *_cells(loaded.get(kind, ())),
            f"{_times(quiet, loaded, kind):.2f}",
        )
        for kind in kinds
    ]
    return columns(header, rows)


def _times(quiet: Seconds, loaded: Seconds, kind: Kind) -> float:
    if not quiet.get(kind) or not loaded.get(kind):
        return 0.0
    return median(loaded[kind]) / median(quiet[kind])


def _titles(run: str) -> list[str]:
    return [f"{run} p{percent} s" for percent in PERCENTS]


def _cells(seconds: Sequence[float]) -> list[str]:
    found = [f"{percentile(seconds, each):.2f}" if seconds else "" for each in PERCENTS]
    return [*found, str(len(seconds))]
