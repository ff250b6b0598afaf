"""The arrivals of a campaign's datasets over time, in the original's form (contract 1.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

from flows.provenance.domain.figures import Dataset

_BIN: Final = timedelta(hours=12)
_KEYS: Final = {"FULL": "simu", "RECO": "reco"}


def timeline(datasets: Iterable[Dataset], *, until: datetime) -> dict[str, Any]:
    """Cumulated datasets, files and bytes at the end of each bin of 12 hours, from UTC's midnight.

    Args:
        datasets: of any stage; those that are nowhere have not arrived.
        until: aware; the last bin holds it.
    """
    arrived = [(each, each.arrived_at) for each in datasets if each.arrived_at is not None]
    bins = _bins([at for _, at in arrived], until)
    result: dict[str, Any] = {
        "dates": [begin.isoformat() for begin in bins],
        "bin_hours": int(_BIN / timedelta(hours=1)),
    }
    for stage, key in _KEYS.items():
        of_stage = [(each, at) for each, at in arrived if each.name.stage == stage]
        result[key] = _cumulated(of_stage, bins)
    return result


def _bins(arrivals: Sequence[datetime], until: datetime) -> list[datetime]:
    if not arrivals:
        return []
    first = min(arrivals).astimezone(UTC)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight + (first - midnight) // _BIN * _BIN
    number = max(0, (until - begin) // _BIN) + 1
    return [begin + index * _BIN for index in range(number)]


def _cumulated(
    arrived: Iterable[tuple[Dataset, datetime]], bins: Sequence[datetime]
) -> dict[str, list[int]]:
    datasets, files, sizes = ([0] * len(bins) for _ in range(3))
    for each, at in arrived:
        index = min((at - bins[0]) // _BIN, len(bins) - 1)
        datasets[index] += 1
        files[index] += each.counted.files
        sizes[index] += each.counted.size_bytes
    return {
        "cum_datasets": list(accumulate(datasets)),
        "cum_files": list(accumulate(files)),
        "cum_bytes": list(accumulate(sizes)),
    }
