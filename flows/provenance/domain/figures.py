"""What Rucio's records of a dataset come to: counts, sizes, completeness, arrival."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.provenance.domain.join import COUNTED, Joined
from flows.provenance.domain.names import RECO, ProducedName
from flows.provenance.models import Finding


@dataclass(frozen=True, slots=True)
class Sum:
    """How many files a dataset holds, and their bytes."""

    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """A produced dataset as Rucio answers; length and size_bytes are None while it is open."""

    name: ProducedName
    length: int | None
    size_bytes: int | None
    is_open: bool | None
    file_count: int
    file_bytes: int
    rses: tuple[Mapping[str, Any], ...]
    is_complete: bool
    arrived_at: datetime | None
    records: tuple[Mapping[str, Any], ...]

    @property
    def files(self) -> int:
        """Files of it: as Rucio counted them when it was closed, else as they are listed."""
        return self.length if self.length is not None else self.file_count


def dataset(
    name: ProducedName, metadata: DidMetadata, replicas: Sequence[DatasetReplica], content: Sum
) -> Dataset:
    """Put together what Rucio says of a dataset; one that is nowhere is incomplete."""
    is_empty = metadata.is_open is False and not metadata.length and not content.files
    in_order = sorted(replicas, key=lambda each: each.rse)
    rses = tuple(at_rse(each, is_empty=is_empty) for each in in_order)
    arrivals = [each.created_at for each in replicas if each.created_at is not None]
    return Dataset(
        name=name,
        length=metadata.length,
        size_bytes=metadata.size_bytes,
        is_open=metadata.is_open,
        file_count=content.files,
        file_bytes=content.size_bytes,
        rses=rses,
        is_complete=bool(rses) and all(each["complete"] for each in rses),
        arrived_at=min(arrivals, default=None),
        records=tuple(each.raw for each in replicas),
    )


def at_rse(replica: DatasetReplica, *, is_empty: bool = False) -> dict[str, Any]:
    """What an RSE has: complete where all that is to be there is.

    Of an open dataset Rucio may count 0 of 0 although it has files: only of one that was closed
    empty (`is_empty`) are 0 of 0 all.
    """
    files, total = replica.available_length or 0, replica.length or 0
    size = replica.available_bytes if replica.available_bytes is not None else replica.size_bytes
    return {
        "rse": replica.rse,
        "files": files,
        "total": total,
        "bytes": size or 0,
        "complete": files == total and (total > 0 or is_empty),
    }


def counts(joined: Joined, datasets: Iterable[Dataset], *, stage: str = RECO) -> dict[str, int]:
    """A campaign in numbers; a path is complete where all that was found of it at the stage is."""
    by_name = {each.name.name: each for each in datasets}
    incomplete = {
        match.path
        for match in joined.matches
        if match.rule in COUNTED
        and by_name[match.name].name.stage == stage
        and not by_name[match.name].is_complete
    }
    found = joined.found()
    findings = [each.finding for each in joined.outcomes.values()]
    return {
        "requested": len(joined.outcomes),
        "found": len(found),
        "complete": len(found - incomplete),
        "incomplete": len(found & incomplete),
        "missing": findings.count(Finding.MISSING),
        "unknown": findings.count(Finding.UNKNOWN),
        "datasets": len(by_name),
        "unmatched": len(by_name.keys() - joined.owners.keys()),
        "files": sum(each.file_count for each in by_name.values()),
        "size_bytes": sum(each.file_bytes for each in by_name.values()),
    }
