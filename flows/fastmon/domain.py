"""The sampling of Time Frames from Super Time Frames: pure, seeded, reproducible.

The same configuration and STF name always give the same decision and the same ranges, so that a
repeated attempt makes the very rows that the first one made.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

from flows.common.settings import FastmonSettings

_SPREAD: Final = 0.1  # relative width of a block's length (source: TB-fu:69-136)
_NAME_LIMIT: Final = 255
_TF_NAMESPACE: Final = uuid.UUID("5b7b2d0e-6f0c-5f43-9a55-3e5d6c1f2a10")


class Origin(StrEnum):
    """Where a number came from."""

    MESSAGE = "message"
    STF_ROW = "stf_row"
    CONFIGURED = "configured"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The sampling's configuration; recorded with every decision."""

    selection_fraction: float
    tf_files_per_stf: int
    tf_size_fraction: float
    tf_sequence_start: int
    tf_count_per_stf: int
    stf_size_bytes: int
    seed: str

    @classmethod
    def of(cls, configured: FastmonSettings) -> Sampling:
        """The sampling that the settings ask for."""
        return cls(**{each.name: getattr(configured, each.name) for each in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Stf:
    """A Super Time Frame file to decide on, with every gap in its message filled.

    Attributes:
        size_bytes: Size of the file, in bytes.
        tf_count: Number of Time Frames in it, at least 1.
        is_first: Whether it is the first of its run, which is always sampled.
    """

    name: str
    is_first: bool
    size_bytes: int
    size_from: Origin
    tf_count: int
    tf_count_from: Origin


@dataclass(frozen=True, kw_only=True)
class TfFile:
    """A sampled block of Time Frames: `tf_first` to `tf_last`, both included, counted from 0."""

    name: str
    tf_first: int
    tf_last: int
    size_bytes: int

    @property
    def tf_count(self) -> int:
        """Number of Time Frames in the block."""
        return self.tf_last - self.tf_first + 1


@dataclass
class Tally:
    """What a sampling run has done so far; the result of its request."""

    stfs: int = 0
    sampled: int = 0
    tfs: int = 0
    set_aside: int = 0
    batches: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally to this one; of its reasons the newest few are kept."""
        self.stfs += other.stfs
        self.sampled += other.sampled
        self.tfs += other.tfs
        self.set_aside += other.set_aside
        self.batches += other.batches
        self.reasons = (self.reasons + other.reasons)[-10:]


def fill_gaps(
    sampling: Sampling,
    name: str,
    *,
    is_first: bool,
    said: tuple[int | None, int | None],
    row: tuple[int | None, int | None],
) -> Stf:
    """The STF, its size and TF count as its message said, else its row, else the configuration.

    `said` and `row` are the size in bytes and the TF count of the message and of the STF's row,
    each None where it does not say.
    """
    size, size_from = _first_known(said[0], row[0], sampling.stf_size_bytes)
    count, count_from = _first_known(said[1], row[1], sampling.tf_count_per_stf)
    return Stf(
        name=name,
        is_first=is_first,
        size_bytes=size,
        size_from=size_from,
        tf_count=count,
        tf_count_from=count_from,
    )


def is_selected(sampling: Sampling, stf: Stf) -> bool:
    """Whether the STF is sampled: the first of its run, else by the hash of its name."""
    if stf.is_first:
        return True
    digest = hashlib.sha256(f"{sampling.seed}\0select\0{stf.name}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < sampling.selection_fraction


def tf_files(sampling: Sampling, stf: Stf) -> list[TfFile]:
    """The TF files of a selected STF: one block at a random place in each equal partition.

    An STF with fewer Time Frames than `tf_files_per_stf` gives one file for each Time Frame.
    """
    number = min(sampling.tf_files_per_stf, stf.tf_count)
    partition = stf.tf_count // number
    chance = random.Random(f"{sampling.seed}\0ranges\0{stf.name}")  # noqa: S311 - not a secret
    files = []
    for index in range(number):
        start = index * partition
        # The last partition takes the remainder (source: TB-fu:69-136).
        length = partition if index < number - 1 else stf.tf_count - start
        first, last = _block(sampling, chance, start, length)
        files.append(
            TfFile(
                name=tf_name(stf.name, sampling.tf_sequence_start + index),
                tf_first=first,
                tf_last=last,
                size_bytes=stf.size_bytes * (last - first + 1) // stf.tf_count,
            )
        )
    return files


def tf_name(stf_name: str, number: int) -> str:
    """Name of an STF's TF file: `swf.1.000001.stf`, 1 -> `swf.1.000001_tf_001.tf`."""
    base = stf_name.removesuffix(PurePosixPath(stf_name).suffix)
    return f"{base}_tf_{number:03d}.tf"


def tf_file_id(name: str) -> uuid.UUID:
    """The id of a TF file: the same for every attempt at it."""
    return uuid.uuid5(_TF_NAMESPACE, name)


def has_room_for_names(sampling: Sampling, stf_name: str) -> bool:
    """Whether the names of the STF's TF files fit where file names are kept."""
    last = sampling.tf_sequence_start + sampling.tf_files_per_stf - 1
    return len(tf_name(stf_name, last)) <= _NAME_LIMIT


def record(sampling: Sampling, stf: Stf, *, sampled: bool) -> dict[str, Any]:
    """What an STF's row says of its sampling."""
    return {
        "sampled": sampled,
        "first_of_run": stf.is_first,
        "size_from": stf.size_from,
        "tf_count_from": stf.tf_count_from,
        "sampling": asdict(sampling),
    }


def _first_known(said: int | None, row: int | None, configured: int) -> tuple[int, Origin]:
    if said is not None:
        return said, Origin.MESSAGE
    if row is not None:
        return row, Origin.STF_ROW
    return configured, Origin.CONFIGURED


def _block(sampling: Sampling, chance: random.Random, start: int, length: int) -> tuple[int, int]:
    wanted = int(length * sampling.tf_size_fraction * chance.gauss(1.0, _SPREAD))
    size = max(1, min(wanted, length))
    first = start + chance.randrange(length - size + 1)
    return first, first + size - 1
