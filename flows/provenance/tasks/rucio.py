"""Reading Rucio for a sweep: what was asked for is compared with what was answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from blocks.did_names import unreachable
from blocks.errors import ProdOpsError
from blocks.rucio_catalog import RucioCatalog
from flows.common import run
from flows.common.database import now
from flows.provenance.domain import figures, names
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.join import Requested, asked_for_files
from flows.provenance.domain.names import ProducedName
from flows.provenance.repository import staging
from flows.provenance.tasks import access
from flows.provenance.tasks.common import Progress

_T = TypeVar("_T")


class TooSlow(ProdOpsError):
    """The reading took longer than it may."""


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
    """The time that a reading may take, from its making on, which is at `began_at`."""

    def __init__(self) -> None:
        self.began_at = now()
        self._seconds = run.current().settings.provenance.timeout_seconds
        self._end = time.monotonic() + self._seconds

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


def list_names(
    catalog: RucioCatalog, scope: str, campaign: str, stages: Sequence[str]
) -> list[ProducedName]:
    """The datasets of a campaign by name alone: one query at Rucio for each stage."""
    listed = {
        name
        for pattern in names.patterns(stages, campaign)
        for name in catalog.list_datasets(scope, pattern)
    }
    # A file of several datasets is counted with the first: one that Rucio can be asked for.
    in_order = sorted(listed, key=lambda name: (unreachable(name) is not None, name))
    parsed = [names.parse(name) for name in in_order]
    # `*` stands for any text, and other signs may, too.
    return [p for p in parsed if p.stage in stages and names.is_edition(p.campaign, campaign)]


def read_campaign(
    connection: Connection, campaign: str, requested: Sequence[Requested], progress: Progress
) -> Produced:
    """Read all that Rucio has of a campaign, as :func:`read_datasets`."""
    deadline, configured = Deadline(), run.current().settings.provenance
    progress.announce(f"asking Rucio for the datasets of {campaign}", is_due=True)
    listed = list_names(access.catalog(), configured.scope, campaign, configured.stages)
    wanted = asked_for_files(requested, listed)
    return read_datasets(connection, listed, wanted, deadline, progress)


def read_datasets(
    connection: Connection,
    listed: Sequence[ProducedName],
    wanted: Iterable[str],
    deadline: Deadline,
    progress: Progress,
) -> Produced:
    """Read metadata, replicas and files of datasets; the files are staged on the connection.

    Args:
        connection: of :func:`flows.provenance.repository.staging.sweep_connection`.
        listed: the datasets.
        wanted: the datasets whose files' names are to be given.
        deadline: made before they were listed: when the reading must be over.
        progress: announces how far it is.

    Raises:
        IncompleteAnswer: Rucio left something out.
        RucioUnavailable: It did not answer, or broke off.
        TooSlow: It took too long.
    """
    catalog, scope = access.catalog(), run.current().settings.provenance.scope
    full = [each.name for each in listed]

    def count(begun: int) -> None:
        text = f"reading the files of dataset {begun} of {len(full)}"
        progress.announce(text, begun, len(full))

    deadline.check()
    metadata = catalog.metadata(scope, full).complete()
    deadline.check()
    replicas = catalog.dataset_replicas(scope, full).complete()
    types = catalog.rse_types()
    files = deadline.watch(catalog.files_of(scope, full))
    staged = staging.stage(connection, full, files, wanted=set(wanted), report=count)
    datasets = tuple(
        figures.dataset(name, metadata[name.name], replicas[name.name], content, rse_types=types)
        for name, content in zip(listed, staged.contents, strict=True)
    )
    return Produced(deadline.began_at, datasets, staged.names)
