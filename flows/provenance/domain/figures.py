"""What Rucio's records of a dataset come to: counts, sizes, completeness, arrival."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.provenance.domain.availability import assess
from flows.provenance.domain.join import COUNTED, Joined
from flows.provenance.domain.names import RECO, ProducedName
from flows.provenance.models import Availability, Finding


@dataclass(frozen=True, slots=True)
class Sum:
    """A number of files, and their bytes."""

    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """The files of a dataset: all that are listed, and those that totals count here."""

    listed: Sum = Sum()
    counted: Sum = Sum()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A produced dataset as Rucio answers; length and size_bytes are None while it is open.

    Attributes:
        content: Its files, as Rucio lists them: how many there are.
        counted: Of these, what totals count here: a file of several datasets counts once.
        contradictions: Where Rucio's counts contradict each other, in words.
        records: Rucio's own summaries.
    """

    name: ProducedName
    length: int | None
    size_bytes: int | None
    is_open: bool | None
    content: Sum
    counted: Sum
    rses: tuple[Mapping[str, Any], ...]
    availability: Availability
    contradictions: tuple[str, ...]
    arrived_at: datetime | None
    records: tuple[Mapping[str, Any], ...]


def dataset(
    name: ProducedName,
    metadata: DidMetadata,
    replicas: Sequence[DatasetReplica],
    content: Content,
    *,
    rse_types: Mapping[str, str],
) -> Dataset:
    """Put together what Rucio says of a dataset; one that is nowhere is incomplete."""
    assessed = assess(metadata, replicas, content.listed.files, rse_types=rse_types)
    arrivals = [each.created_at for each in replicas if each.created_at is not None]
    return Dataset(
        name=name,
        length=metadata.length,
        size_bytes=metadata.size_bytes,
        is_open=metadata.is_open,
        content=content.listed,
        counted=content.counted,
        rses=assessed.rses,
        availability=assessed.availability,
        contradictions=assessed.contradictions,
        arrived_at=min(arrivals, default=None),
        records=tuple(each.raw for each in replicas),
    )


def worst(found: Iterable[Availability]) -> Availability | None:
    """The worst of what several datasets have; None of none."""
    return max(found, key=list(Availability).index, default=None)


def counts(joined: Joined, datasets: Iterable[Dataset], *, stage: str = RECO) -> dict[str, int]:
    """A campaign in numbers.

    A path is as its worst dataset at the stage is: those that are found are complete, replicating,
    on tape or incomplete.
    """
    by_name = {each.name.name: each for each in datasets}
    of_path: dict[str, list[Availability]] = defaultdict(list)
    for match in joined.matches:
        if match.rule in COUNTED and by_name[match.name].name.stage == stage:
            of_path[match.path].append(by_name[match.name].availability)
    found = joined.found()
    how = Counter(worst(of_path[path]) or Availability.INCOMPLETE for path in found)
    findings = [each.finding for each in joined.outcomes.values()]
    return {
        "requested": len(joined.outcomes),
        "found": len(found),
        **{str(each): how[each] for each in Availability},
        "missing": findings.count(Finding.MISSING),
        "unknown": findings.count(Finding.UNKNOWN),
        "datasets": len(by_name),
        "unmatched": len(by_name.keys() - joined.owners.keys()),
        "contradictory": sum(bool(each.contradictions) for each in by_name.values()),
        "files": sum(each.counted.files for each in by_name.values()),
        "size_bytes": sum(each.counted.size_bytes for each in by_name.values()),
    }
