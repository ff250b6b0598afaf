"""The storage that holds the inputs: its files by their names at Rucio, and their checksums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

from blocks import xrootd_storage as storage
from blocks.rucio_catalog import NewFile
from blocks.xrootd_storage import StorageError, StoredFile, XrootdAccess, XrootdLimits
from flows.common import adapters
from flows.common.settings import BadSetting, Settings
from flows.common.sources import Sources
from flows.provenance.domain.registration import StoredInput

_T = TypeVar("_T")
_R = TypeVar("_R")
_LISTED_AT_ONCE = 25
_SUMMED_AT_ONCE = 50


@dataclass(frozen=True)
class InputStorage:
    """Where the inputs are; a file's URL is `url` with its name at Rucio right behind."""

    url: str
    rse: str
    access: XrootdAccess
    limits: XrootdLimits
    threads: int

    @classmethod
    def of(cls, settings: Settings, sources: Sources) -> Self:
        """The storage that is set.

        Raises:
            BadSetting: None is.
        """
        configured = settings.provenance
        if configured.evgen_url is None:
            raise BadSetting("setting PRODOPS_PROVENANCE_EVGEN_URL: no storage of inputs is set")
        if configured.evgen_rse is None:
            raise BadSetting("setting PRODOPS_PROVENANCE_EVGEN_RSE: no RSE of inputs is set")
        doors = adapters.xrootd(sources)
        return cls(
            url=configured.evgen_url,
            rse=configured.evgen_rse,
            access=doors.access(
                adapters.rucio_produced(sources).proxy_file or adapters.proxy_file(sources)
            ),
            limits=doors.limits(),
            threads=configured.threads,
        )

    def files_of(self, datasets: Sequence[str]) -> Iterator[list[StoredInput] | StorageError]:
        """All files below each dataset's directory, by name, in the order of the datasets.

        One whose directory the door does not have or does not show is told by its error.

        Raises:
            StorageError: As the door says.
        """
        for listed in self._at_once(self._listed, _batches(datasets, _LISTED_AT_ONCE)):
            yield from listed

    def with_checksums(self, files: Sequence[StoredInput]) -> Iterator[NewFile]:
        """The files as Rucio wants them, in their order, as they are summed.

        Raises:
            StorageError: As the door says.
        """
        for summed in self._at_once(self._summed, _batches(files, _SUMMED_AT_ONCE)):
            yield from summed

    def _at_once(self, act: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
        """Act on several items at a time; what is given is in their order."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="inputs") as pool:
            try:
                yield from pool.map(act, items)
            finally:
                pool.shutdown(cancel_futures=True)

    def _listed(self, datasets: Sequence[str]) -> list[list[StoredInput] | StorageError]:
        urls = [f"{self.url}{each}" for each in datasets]
        answers = storage.list_directories(urls, access=self.access, limits=self.limits)
        return [
            answer if isinstance(answer, StorageError) else _inputs(dataset, answer)
            for dataset, answer in zip(datasets, answers, strict=True)
        ]

    def _summed(self, files: Sequence[StoredInput]) -> list[NewFile]:
        pfns = [f"{self.url}{each.name}" for each in files]
        sums = storage.checksums(pfns, access=self.access, limits=self.limits)
        return [
            NewFile(file.name, file.size_bytes, adler32, pfn)
            for file, pfn, adler32 in zip(files, pfns, sums, strict=True)
        ]


def _batches(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _inputs(dataset: str, found: Iterable[StoredFile]) -> list[StoredInput]:
    """The files by their names at Rucio; the door has its own for what is above the dataset."""
    return sorted(
        StoredInput(f"{dataset}/{each.path.rpartition(f'{dataset}/')[2]}", each.size_bytes)
        for each in found
    )
