"""What registering the requested inputs would do, dataset by dataset, and what it refuses. Pure.

A dataset is registered whole: its files, then the dataset, then its end (it is closed). So one that
is open and ours was left by a run that was lost, and is gone on with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from blocks.did_names import BadDidName, check_name
from flows.provenance.domain.inputs import PREFIX
from flows.provenance.domain.join import Requested

_MOST_NAMED: Final = 3


class Verdict(StrEnum):
    """What is to be done with a dataset."""

    REGISTER = "register"
    NOTHING = "nothing"
    """It is registered."""
    REFUSE = "refuse"


@dataclass(frozen=True)
class WantedDataset:
    """A dataset that requests need; `files`: the names of those that are asked for, else all."""

    name: str
    paths: tuple[str, ...]
    files: frozenset[str] | None


@dataclass(frozen=True, order=True)
class StoredInput:
    """A file of the storage, by its name at Rucio."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class AtRucio:
    """What Rucio has of a dataset; `owner` is None where it has none of that name.

    Attributes:
        attached: names of its files.
        sizes: bytes of those files of the storage that Rucio knows, in it or not.
    """

    owner: str | None = None
    is_open: bool = True
    attached: frozenset[str] = frozenset()
    sizes: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedDataset:
    """What is to be done with a dataset, and why, where that is nothing."""

    wanted: WantedDataset
    verdict: Verdict
    reason: str | None = None
    files: tuple[StoredInput, ...] = ()
    new: tuple[StoredInput, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether its directory is registered as it is: then nothing is to come."""
        return self.wanted.files is None

    def as_json(self, scope: str) -> dict[str, Any]:
        """It, for people and programs."""
        return {
            "did": f"{scope}:{self.wanted.name}",
            "paths": list(self.wanted.paths),
            "verdict": self.verdict,
            "reason": self.reason,
            "files": len(self.files),
            "size_bytes": sum(each.size_bytes for each in self.files),
            "new_files": len(self.new),
        }


def wanted_datasets(requested: Iterable[Requested]) -> list[WantedDataset]:
    """The datasets that the paths need; of a directory that is asked for whole, all files."""
    asking: dict[str, list[Requested]] = defaultdict(list)
    for each in requested:
        asking[each.directory].append(each)
    return [_wanted(directory, of) for directory, of in sorted(asking.items())]


def decide(
    wanted: WantedDataset, stored: Sequence[StoredInput], known: AtRucio, *, account: str
) -> PlannedDataset:
    """What is to be done with a dataset.

    Args:
        wanted: The dataset.
        stored: All files of its directory.
        known: What Rucio has.
        account: Ours.
    """
    files = tuple(each for each in stored if _is_asked(wanted, each))
    new = tuple(each for each in files if each.name not in known.attached)
    if why := _flaw(wanted, files) or _conflict(files, known):
        return PlannedDataset(wanted, Verdict.REFUSE, why, files, new)
    is_done = not new and not (known.is_open and wanted.files is None)
    if is_done or (not new and known.owner != account):
        return PlannedDataset(wanted, Verdict.NOTHING, "it is registered", files)
    if known.owner is not None and known.owner != account:
        why = f"the dataset belongs to {known.owner}, and has not all of the files"
        return PlannedDataset(wanted, Verdict.REFUSE, why, files, new)
    if not known.is_open:
        why = f"the dataset is closed, and {len(new)} of {len(files)} files are not in it"
        return PlannedDataset(wanted, Verdict.REFUSE, why, files, new)
    return PlannedDataset(wanted, Verdict.REGISTER, None, files, new)


def summary(
    plan: Sequence[PlannedDataset], scope: str, *, registered: Collection[str]
) -> dict[str, Any]:
    """The plan in numbers, by verdict, and its datasets; `registered`: names of those that are."""
    verdicts = Counter(each.verdict for each in plan)
    return {
        "to_register": verdicts[Verdict.REGISTER],
        "registered": len(registered),
        "already": verdicts[Verdict.NOTHING],
        "refused": verdicts[Verdict.REFUSE],
        "datasets": [
            {**each.as_json(scope), "is_registered": each.wanted.name in registered}
            for each in plan
        ],
    }


def is_good_name(name: str) -> bool:
    """Whether Rucio takes the name."""
    try:
        check_name(name)
    except BadDidName:
        return False
    return True


def _wanted(directory: str, asking: Sequence[Requested]) -> WantedDataset:
    paths = tuple(sorted(each.path for each in asking))
    files = [each.suffix.rpartition("/")[2] for each in asking if each.file_base is not None]
    is_whole = len(files) < len(asking)
    return WantedDataset(PREFIX + directory, paths, None if is_whole else frozenset(files))


def _is_asked(wanted: WantedDataset, file: StoredInput) -> bool:
    return wanted.files is None or file.name.removeprefix(f"{wanted.name}/") in wanted.files


def _flaw(wanted: WantedDataset, files: Sequence[StoredInput]) -> str | None:
    """What is wrong with the storage's files, in one line."""
    there = {each.name.removeprefix(f"{wanted.name}/") for each in files}
    if absent := sorted((wanted.files or frozenset()) - there):
        return f"the storage has no {_some(absent)} in that directory"
    if not files:
        return "the directory is empty"
    if empty := [each.name for each in files if not each.size_bytes]:
        return f"empty files: {_some(empty)}"
    bad = [each for each in (wanted.name, *(each.name for each in files)) if not is_good_name(each)]
    return f"names outside Rucio's rules: {_some(bad)}" if bad else None


def _conflict(files: Sequence[StoredInput], known: AtRucio) -> str | None:
    for each in files:
        size = known.sizes.get(each.name)
        if size is not None and size != each.size_bytes:
            return f"Rucio has {each.name} with {size} bytes, the storage with {each.size_bytes}"
    return None


def _some(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
