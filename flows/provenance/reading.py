"""Reading PCS and Rucio for a sweep: what was asked for is compared with what was answered."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from blocks.errors import ProdOpsError
from blocks.pcs_service import RequestedInput
from blocks.rucio_catalog import RucioCatalog
from flows.common.database import now
from flows.provenance import staging
from flows.provenance.domain import figures, names
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.join import Requested, TaskOf, asked_for_files
from flows.provenance.domain.names import ProducedName

_LONGEST_PATH = 500
_T = TypeVar("_T")


class TooSlow(ProdOpsError):
    """The reading took longer than it may."""


class Tell(Protocol):
    """Who is told how far the reading is."""

    def __call__(self, text: str, done: int = 0, total: int = 0, *, is_due: bool = False) -> None:
        """Hear it."""


@dataclass(frozen=True)
class Produced:
    """What Rucio has; the files are staged, in the order of the datasets.

    Attributes:
        began_at: when the reading began: the evidence is of that time or later.
        file_names: of the datasets that requests name single files of.
    """

    began_at: datetime
    datasets: tuple[Dataset, ...]
    file_names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[ProducedName]:
        """The names of the datasets."""
        return [each.name for each in self.datasets]


class Deadline:
    """The time that a reading may take, from its making on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise where the time is over.

        Raises:
            TooSlow: It is.
        """
        if time.monotonic() > self._end:
            raise TooSlow(f"reading Rucio took longer than {self._seconds:g} s")

    def watch(self, values: Iterable[_T]) -> Iterator[_T]:
        """The values, as long as there is time."""
        for value in values:
            self.check()
            yield value


def requested(inputs: Iterable[RequestedInput], root: str) -> list[Requested]:
    """Each requested path once, with all the tasks that ask for it, in order."""
    by_path: dict[str, list[RequestedInput]] = defaultdict(list)
    for each in inputs:
        if path := names.trimmed(each.path):
            by_path[path[:_LONGEST_PATH]].append(each)
    return [_requested(path, asking, root) for path, asking in sorted(by_path.items())]


def _requested(path: str, inputs: Sequence[RequestedInput], root: str) -> Requested:
    priorities = [each.priority for each in inputs if each.priority is not None]
    return Requested(
        path=path,
        suffix=names.suffix_of(path, root) or "",
        tasks=tuple(sorted(TaskOf(each.name, each.campaign) for each in inputs)),
        priority=min(priorities, default=None),
        requestor=", ".join(sorted({each.requestor for each in inputs if each.requestor}))[:100],
    )


def list_names(
    catalog: RucioCatalog, scope: str, campaign: str, stages: Sequence[str]
) -> list[ProducedName]:
    """The datasets of a campaign by name alone: one look at Rucio for each stage."""
    listed = {
        name
        for pattern in names.patterns(stages, campaign)
        for name in catalog.list_datasets(scope, pattern)
    }
    parsed = [names.parse(name) for name in sorted(listed)]
    # `*` stands for any text, and other signs may, too.
    return [p for p in parsed if p.stage in stages and names.is_edition(p.campaign, campaign)]


def read_campaign(
    connection: Connection,
    catalog: RucioCatalog,
    requests: Sequence[Requested],
    *,
    scope: str,
    campaign: str,
    stages: Sequence[str],
    deadline: Deadline,
    tell: Tell,
) -> Produced:
    """Read all that Rucio has of a campaign, as :func:`read_datasets`."""
    began_at = now()
    tell(f"asking Rucio for the datasets of {campaign}", is_due=True)
    listed = list_names(catalog, scope, campaign, stages)
    wanted = asked_for_files(requests, listed)
    return read_datasets(
        connection,
        catalog,
        listed,
        scope=scope,
        began_at=began_at,
        wanted=wanted,
        deadline=deadline,
        tell=tell,
    )


def read_datasets(
    connection: Connection,
    catalog: RucioCatalog,
    listed: Sequence[ProducedName],
    *,
    scope: str,
    began_at: datetime,
    wanted: Iterable[str],
    deadline: Deadline,
    tell: Tell,
) -> Produced:
    """Read metadata, places and files of datasets; the files are staged on the connection.

    Args:
        connection: of :func:`flows.provenance.staging.swept`.
        catalog: where.
        listed: the datasets.
        scope: of the datasets.
        began_at: when they were listed.
        wanted: the datasets whose files' names are to be kept.
        deadline: when the reading must be over.
        tell: is told how far it is.

    Raises:
        IncompleteAnswer: Rucio left something out.
        RucioUnavailable: It did not answer, or broke off.
        TooSlow: It took too long.
    """
    full = [each.name for each in listed]
    deadline.check()
    metadata = catalog.metadata(scope, full).complete()
    deadline.check()
    replicas = catalog.dataset_replicas(scope, full).complete()
    staged = staging.stage(
        connection,
        full,
        deadline.watch(catalog.files_of(scope, full)),
        wanted=set(wanted),
        tell=_counting(tell, len(full)),
    )
    datasets = tuple(
        figures.dataset(name, metadata[name.name], replicas[name.name], content)
        for name, content in zip(listed, staged.sums, strict=True)
    )
    return Produced(began_at, datasets, staged.names)


def _counting(tell: Tell, total: int) -> Callable[[int], None]:
    def count(done: int) -> None:
        tell(f"reading the files of dataset {done} of {total}", done, total)

    return count
