"""Whether all files of a dataset are where they belong, by whose count, and what contradicts. Pure.

Rucio counts a dataset's files three times: the dataset's own length, taken when it was closed; a
summary at each RSE; and the list of the files itself. The list decides how many there are: the
others are refreshed by daemons, and a summary that is compared with itself is always complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.provenance.models import TAPE, Availability


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an RSE has each, by name; where all files are; and what contradicts, in words."""

    rses: tuple[Mapping[str, Any], ...]
    availability: Availability
    contradictions: tuple[str, ...]


def assess(
    metadata: DidMetadata,
    replicas: Iterable[DatasetReplica],
    listed: int,
    *,
    rse_types: Mapping[str, str],
) -> Assessment:
    """Compare what Rucio says of a dataset.

    Args:
        metadata: Of the dataset.
        replicas: Its summaries, one for each RSE.
        listed: How many files Rucio lists of it.
        rse_types: Of each RSE, ``DISK`` or ``TAPE``.
    """
    in_order = sorted(replicas, key=lambda each: each.rse)
    is_sure = metadata.length in {None, listed}
    # Rucio may count 0 of 0 of an open dataset that has files: only closed, that is all.
    has_all = listed if is_sure and (listed or metadata.is_open is False) else None
    rses = tuple(_at_rse(each, has_all, rse_types.get(each.rse, "")) for each in in_order)
    found = tuple(_contradictions(metadata, in_order, listed))
    return Assessment(rses, _availability(rses), found)


def by_replicas(
    replicas: Iterable[DatasetReplica], available: Mapping[str, int], *, is_open: bool | None
) -> Iterator[str]:
    """Where the summaries contradict the replicas of the files themselves.

    Args:
        replicas: The summaries.
        available: How many files have an available replica, by RSE.
        is_open: Whether the dataset is open; then it may not have been counted yet.
    """
    summaries = {each.rse: each for each in replicas}
    for rse in sorted(summaries.keys() | available.keys()):
        summary, number = summaries.get(rse), available.get(rse, 0)
        if summary is None:
            yield f"{rse}: {_are(number)} available there, and Rucio has no summary of that"
        elif _is_uncounted(summary, is_open):
            continue
        elif (said := summary.available_length or 0) != number:
            yield f"{rse}: its summary has {_files(said)} available, and {_are(number)} there"


def _at_rse(replica: DatasetReplica, all_files: int | None, rse_type: str) -> dict[str, Any]:
    """What an RSE has: complete where its summary counts all files, and all are available."""
    files, total = replica.available_length or 0, replica.length or 0
    size = replica.available_bytes if replica.available_bytes is not None else replica.size_bytes
    return {
        "rse": replica.rse,
        "type": rse_type,
        "files": files,
        "total": total,
        "bytes": size or 0,
        "complete": files == total == all_files,
    }


def _availability(rses: Sequence[Mapping[str, Any]]) -> Availability:
    having = [each for each in rses if each["complete"]]
    if any(each["type"] != TAPE for each in having):
        is_all = len(having) == len(rses)
        return Availability.COMPLETE if is_all else Availability.REPLICATING
    return Availability.TAPE if having else Availability.INCOMPLETE


def _contradictions(
    metadata: DidMetadata, replicas: Iterable[DatasetReplica], listed: int
) -> Iterator[str]:
    if metadata.length not in {None, listed}:
        yield f"the dataset's length is {metadata.length}, and {_are(listed)} listed"
    for each in replicas:
        files, total = each.available_length or 0, each.length or 0
        if total != listed and not _is_uncounted(each, metadata.is_open):
            yield f"{each.rse}: its summary counts {_files(total)}, and {_are(listed)} listed"
        if files > total:
            yield f"{each.rse}: its summary has {files} of {_files(total)} available"


def _is_uncounted(replica: DatasetReplica, is_open: bool | None) -> bool:  # noqa: FBT001
    """Whether Rucio has not counted the files of an open dataset there yet."""
    return bool(is_open) and not replica.length


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _are(number: int) -> str:
    return f"{_files(number)} {'is' if number == 1 else 'are'}"
