"""Fills the sandbox's Rucio with what a listing says that a campaign produced."""

from __future__ import annotations

import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from blocks.errors import ProdOpsError
from deployments.sandbox.grid import catalogue
from deployments.sandbox.grid.catalogue import CatalogueDataset, CatalogueFile, Placement
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.listing import ListedDataset

SCOPE = "epic"
_SUFFIX = ".eicrecon.edm4eic.root"
_BATCH_FILES = 20_000
_SPREAD_PARTS = 1000


class NothingToSeed(ProdOpsError):
    """A listing names no dataset."""


@dataclass(frozen=True)
class Seeded:
    """What a seeding did: datasets and files written, and datasets that were there already."""

    datasets: int
    files: int
    replicas: int
    kept: int
    seconds: float


def seed(
    grid: Grid,
    listing: Iterable[ListedDataset],
    *,
    scope: str = SCOPE,
    files_scale: float | None = None,
    max_files: int | None = None,
    is_replacing: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Seeded:
    """Load a listing into the catalogue; datasets that are there are kept as they are.

    No bytes are put at the doors. In one transaction: all of it, or nothing.

    Args:
        grid: The grid, running.
        listing: The datasets.
        scope: The scope of all of it.
        files_scale: Each dataset gets this part of its files, rounded, at least one.
        max_files: As `files_scale`, chosen so that there are about so many files in all.
        is_replacing: Whether datasets that are there are made anew.
        progress: Called with how many files are written, and how many there will be.

    Raises:
        NothingToSeed: The listing is empty.
    """
    began = time.monotonic()
    scaled = scale(listing, files_scale=files_scale, max_files=max_files)
    if not scaled:
        raise NothingToSeed("the listing names no dataset")
    for rse in sorted({rse for dataset in scaled for rse in dataset.rses}):
        grid.ensure_rse(rse)
    with grid.connect() as connection:
        catalogue.begin_alone(connection)
        known = catalogue.present(connection, scope, [dataset.name for dataset in scaled])
        if is_replacing:
            catalogue.remove(connection, scope, known)
            known = set()
        rses = catalogue.known_rses(connection)
        fresh = [dataset for dataset in scaled if dataset.name not in known]
        moment = datetime.now(UTC).replace(tzinfo=None)
        done, total = 0, sum(dataset.files for dataset in fresh)
        for batch in _batches(fresh):
            written = [catalogue_dataset(each, rses) for each in batch]
            catalogue.fill(connection, scope, written, moment)
            done += sum(each.files for each in batch)
            progress(done, total)
    with grid.connect() as connection:
        catalogue.analyse(connection)
    replicas = sum(dataset.files * len(dataset.rses) for dataset in fresh)
    seconds = time.monotonic() - began
    return Seeded(len(fresh), total, replicas, len(known), seconds)


def scale(
    listing: Iterable[ListedDataset], *, files_scale: float | None, max_files: int | None
) -> list[ListedDataset]:
    """The datasets with a part of their files; complete stays complete, and partly partly."""
    listed = list(listing)
    factor = 1.0 if files_scale is None else files_scale
    if max_files is not None:
        total = sum(dataset.files for dataset in listed)
        factor = min(factor, max_files / total if total else 1.0)
    return [_scaled(dataset, factor) for dataset in listed]


def file_sizes(total_bytes: int, count: int, *, seed_text: str) -> list[int]:
    """Sizes that differ by up to a tenth and sum to `total_bytes`; the same at each call."""
    if not count:
        return []
    mean = total_bytes // count
    spread = mean // 10
    sizes = []
    for index in range(count - 1):
        part = zlib.crc32(f"{seed_text}{index // 2}".encode()) % _SPREAD_PARTS
        offset = spread * part // _SPREAD_PARTS
        sizes.append(mean + (offset if index % 2 else -offset))
    return [*sizes, total_bytes - sum(sizes)]


def campaign_of(name: str) -> str | None:
    """The campaign in a produced name: its second segment, as 26.07.1 in /RECO/26.07.1/x."""
    parts = PurePosixPath(name).parts
    return parts[2] if len(parts) > 2 else None  # noqa: PLR2004 - the root, the stage, it


def _scaled(dataset: ListedDataset, factor: float) -> ListedDataset:
    if factor == 1.0 or not dataset.files:
        return dataset
    is_partial = any(0 < available < dataset.files for available, _ in dataset.rses.values())
    files = min(dataset.files, max(2 if is_partial else 1, round(dataset.files * factor)))
    rses = {
        rse: (_available(available, dataset.files, files), files)
        for rse, (available, _) in dataset.rses.items()
    }
    size = round(dataset.size_bytes * files / dataset.files)
    return ListedDataset(dataset.name, rses, files, size)


def _available(available: int, of: int, files: int) -> int:
    if available in {0, of}:
        return files if available else 0
    return min(files - 1, max(1, round(available * files / of)))


def _batches(datasets: Iterable[ListedDataset]) -> Iterable[list[ListedDataset]]:
    batch: list[ListedDataset] = []
    for dataset in datasets:
        batch.append(dataset)
        if sum(each.files for each in batch) >= _BATCH_FILES:
            yield batch
            batch = []
    if batch:
        yield batch


def catalogue_dataset(
    listed: ListedDataset, rses: Mapping[str, tuple[uuid.UUID, bool]]
) -> CatalogueDataset:
    """A dataset of a listing as the catalogue is to have it, at RSEs that it knows."""
    placements = tuple(
        Placement(rses[rse][0], rse, uuid.uuid4(), available, rses[rse][1])
        for rse, (available, _) in listed.rses.items()
    )
    return CatalogueDataset(listed.name, campaign_of(listed.name), files_of(listed), placements)


def files_of(listed: ListedDataset) -> Sequence[CatalogueFile]:
    """The files that a dataset of a listing gets: their names, sizes and checksums."""
    stem = PurePosixPath(listed.name).name
    sizes = file_sizes(listed.size_bytes, listed.files, seed_text=listed.name)
    names = [f"{listed.name}/{stem}.{index:04}{_SUFFIX}" for index in range(listed.files)]
    return [
        CatalogueFile(name, size, f"{zlib.adler32(name.encode()):08x}")
        for name, size in zip(names, sizes, strict=True)
    ]
