"""The files of a task's inputs, as the ops side last read them from Rucio.

The web tier holds no login to Rucio: `evgen_rucio_update` writes the files of all of ``/EVGEN``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain.effective import input_dids
from api.pcs.domain.evgen import InputFiles
from api.pcs.errors import FilesNotKnown, NoArtifact
from api.pcs.models import ProdTask
from flows.common.database import among
from flows.provenance.models import (
    EVGEN,
    PathMatch,
    ProducedDataset,
    ProducedFile,
    RequestedPath,
    Rule,
)

_READ_THEM: Final = (
    "request evgen_rucio_update (POST api/provenance/campaigns/EVGEN/sweep/, or the tool "
    "start_provenance_sweep with campaign EVGEN), and ask again once it has ended"
)


@dataclass(frozen=True)
class _Input:
    """A dataset that a task reads, or one file of it."""

    dataset: ProducedDataset
    only_file: str | None = None


def evgen_files(session: Session, task: ProdTask, *, stale_before: datetime) -> InputFiles:
    """The files of the task's linked inputs; where none is linked, of those matched by its path.

    Raises:
        NoArtifact: Nothing is linked or matched.
        FilesNotKnown: The ops side has not read them, or not since `stale_before`.
    """
    linked = input_dids(task.overrides or {})
    found = _of_dids(session, linked) if linked else _matched(session, task)
    if not found:
        raise NoArtifact(
            "no matched input: link an /EVGEN DID (link-input), or have the inputs matched: "
            + _READ_THEM
        )
    oldest = min((each.dataset for each in found), key=lambda each: each.checked_at)
    if oldest.checked_at < stale_before:
        raise FilesNotKnown(
            f"the files of {oldest.did} were last read at {oldest.checked_at.isoformat()}, which "
            f"is too long ago: {_READ_THEM}"
        )
    return InputFiles(
        dids=[each.dataset.did for each in found],
        names=_files(session, found),
        checked_at=oldest.checked_at,
    )


def _of_dids(session: Session, dids: Sequence[str]) -> list[_Input]:
    """The datasets of DIDs.

    Raises:
        FilesNotKnown: One was never read.
    """
    names = {did.partition(":")[2] for did in dids}
    rows = session.scalars(
        select(ProducedDataset).where(
            ProducedDataset.campaign == EVGEN, among(ProducedDataset.name, names)
        )
    )
    known = {each.did: each for each in rows}
    if missing := [did for did in dids if did not in known]:
        raise FilesNotKnown(f"the files of {missing[0]} are not recorded: {_READ_THEM}")
    return [_Input(known[did]) for did in dids]


def _matched(session: Session, task: ProdTask) -> list[_Input]:
    """The datasets that the task's path means; suggestions are none of them."""
    rows = session.execute(
        select(ProducedDataset, PathMatch.rule, RequestedPath.suffix)
        .join(PathMatch, PathMatch.dataset_id == ProducedDataset.id)
        .join(
            RequestedPath,
            (RequestedPath.campaign == PathMatch.campaign) & (RequestedPath.path == PathMatch.path),
        )
        .where(
            PathMatch.campaign == EVGEN,
            PathMatch.rule.in_([Rule.EXACT, Rule.FILE]),
            RequestedPath.tasks.contains([task.name]),
        )
        .order_by(ProducedDataset.name)
    )
    return [
        _Input(dataset, suffix.rpartition("/")[2] if rule == Rule.FILE else None)
        for dataset, rule, suffix in rows
    ]


def _files(session: Session, inputs: Sequence[_Input]) -> list[str]:
    """Names of the files, by dataset and name."""
    only = {each.dataset.id: each.only_file for each in inputs}
    wanted = (
        select(ProducedFile.dataset_id, ProducedFile.name)
        .where(among(ProducedFile.dataset_id, list(only)))
        .order_by(ProducedFile.dataset_id, ProducedFile.name)
    )
    return [
        name
        for key, name in session.execute(wanted)
        if only[key] is None or name.rpartition("/")[2] == only[key]
    ]
