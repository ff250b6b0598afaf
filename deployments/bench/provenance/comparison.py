"""What the tables of provenance say otherwise than the listing that Rucio was seeded with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, text

from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.seed import files_of
from flows.common.database import transaction

_DATASETS: Final = text("""
    SELECT d.name, d.file_count AS files, d.file_bytes AS size_bytes, d.length,
           d.size_bytes AS rucio_bytes, d.availability = 'complete' AS is_complete, d.rses,
           coalesce(f.digest, '') AS digest
    FROM provenance_dataset d
    CROSS JOIN LATERAL (
        SELECT md5(string_agg(name || ' ' || size_bytes || ' ' || adler32, ','
                              ORDER BY name COLLATE "C")) AS digest
        FROM provenance_file WHERE dataset_id = d.id
    ) f
    WHERE d.campaign = :campaign AND d.stage <> 'EVGEN'
""")
_FOUND: Final = text("SELECT path, finding FROM provenance_path WHERE campaign = :campaign")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is compared of a dataset.

    Attributes:
        files, size_bytes: What its files add up to.
        length, rucio_bytes: What Rucio says of the dataset itself.
        rses: By RSE, its available files and all.
        digest: Of its files' names, sizes and checksums.
    """

    files: int
    size_bytes: int
    length: int | None
    rucio_bytes: int | None
    is_complete: bool
    rses: Mapping[str, tuple[int, int]]
    digest: str

    def differences(self, wanted: Facts) -> Iterator[str]:
        """Each fact that is another, with both values."""
        for name, value in vars(self).items():
            if value != (theirs := getattr(wanted, name)):
                yield f"{name} {value} instead of {theirs}"


def of_datasets(engine: Engine, campaign: str, listed: Sequence[ListedDataset]) -> list[str]:
    """Every fact of every dataset that is not as listed, in words."""
    with transaction(engine) as session:
        rows = session.execute(_DATASETS, {"campaign": campaign}).mappings()
        swept = {row["name"]: _swept(**row) for row in rows}
    wanted = {dataset.name: _listed(dataset) for dataset in listed}
    found = [f"{name}: nobody produced it" for name in sorted(swept.keys() - wanted.keys())]
    found += [f"{name}: is missing" for name in sorted(wanted.keys() - swept.keys())]
    for name in sorted(wanted.keys() & swept.keys()):
        found += [f"{name}: {each}" for each in swept[name].differences(wanted[name])]
    return found


def of_markers(engine: Engine, campaign: str, paths: Iterable[str], found: set[str]) -> list[str]:
    """Every requested path whose finding is another than `found` says, in words."""
    with transaction(engine) as session:
        rows = session.execute(_FOUND, {"campaign": campaign}).tuples().all()
    swept = {str(path): str(finding) for path, finding in rows}
    findings = {path: swept.get(path.rstrip("/"), "not swept") for path in paths}
    return [
        f"{path}: {finding}"
        for path, finding in findings.items()
        if finding != ("found" if path in found else "missing")
    ]


def _swept(*, name: str, rses: list[dict[str, Any]], **others: Any) -> Facts:
    del name
    counts = {each["rse"]: (each["files"], each["total"]) for each in rses}
    return Facts(rses=counts, **others)


def _listed(dataset: ListedDataset) -> Facts:
    files = files_of(dataset)
    listed = ",".join(sorted(f"{each.name} {each.size_bytes} {each.adler32}" for each in files))
    counts = dataset.rses.values()
    return Facts(
        files=dataset.files,
        size_bytes=dataset.size_bytes,
        length=dataset.files,
        rucio_bytes=dataset.size_bytes,
        # As listings put "(complete)": also of a dataset without files.
        is_complete=bool(counts) and all(available == total for available, total in counts),
        rses=dict(dataset.rses),
        digest=hashlib.md5(listed.encode()).hexdigest() if files else "",  # noqa: S324 - no secret
    )
