"""Where a dataset comes from and what came of it: requested paths, task, inputs, outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from api.pcs.models import ProdTask
from flows.provenance.models import EVGEN, CampaignSweep, PathMatch, ProducedDataset, RequestedPath

_MOST_DERIVED: Final = 50
_RECO: Final = "RECO"


@dataclass(frozen=True)
class Input:
    """What a dataset was made from; `is_registered` is None while the inputs were never swept."""

    did: str
    is_registered: bool | None
    file_count: int | None


@dataclass(frozen=True)
class Lineage:
    """Where a dataset comes from and what came of it.

    Attributes:
        matches: The requested paths that it counts for, by their rule.
        task: PCS's task that owns it.
        requested_by: Where none does, the tasks that ask for its path.
        inputs: What it was made from.
        outputs: What was made from it.
    """

    matches: list[PathMatch]
    task: ProdTask | None
    inputs: list[Input]
    outputs: list[ProducedDataset]
    more_outputs: int = 0
    requested_by: Sequence[str] = ()


def dataset_named(session: Session, scope: str, name: str) -> ProducedDataset | None:
    """The dataset, as the last sweep that saw it has it."""
    return session.scalar(
        select(ProducedDataset).where(ProducedDataset.scope == scope, ProducedDataset.name == name)
    )


def lineage_of(session: Session, dataset: ProducedDataset | None) -> Lineage:
    """Where the dataset comes from, and what came of it."""
    if dataset is None:
        return Lineage([], None, [], [])
    matches = session.scalars(
        select(PathMatch)
        .where(PathMatch.dataset_id == dataset.id)
        .order_by(PathMatch.campaign, PathMatch.path)
    )
    outputs, more = _outputs(session, dataset)
    inputs = _inputs(session, dataset)
    task = _task(session, dataset.owner_task)
    asking = _requested_by(session, dataset) if dataset.owner_task is None else ()
    return Lineage(list(matches), task, inputs, outputs, more, asking)


def _requested_by(session: Session, dataset: ProducedDataset) -> Sequence[str]:
    """The tasks, of other campaigns, that ask for the path that the dataset counts for."""
    asked = select(RequestedPath.tasks).where(RequestedPath.path == dataset.owner_path)
    found = session.scalars(asked.where(RequestedPath.campaign == dataset.campaign))
    return sorted({task for tasks in found for task in tasks})


def _task(session: Session, name: str | None) -> ProdTask | None:
    if name is None:
        return None
    query = select(ProdTask).where(ProdTask.name == name)
    return session.scalar(
        query.options(selectinload(ProdTask.attempts), selectinload(ProdTask.dataset))
    )


def _inputs(session: Session, dataset: ProducedDataset) -> list[Input]:
    if dataset.campaign == EVGEN:
        return []
    found = [
        Input(each.did, is_registered=True, file_count=each.file_count)
        for each in _registered(session, dataset)
    ] or [_unregistered(session, dataset)]
    if dataset.stage == _RECO:
        found += [
            Input(each.did, is_registered=True, file_count=each.file_count)
            for each in _siblings(session, dataset)
        ]
    return found


def _registered(session: Session, dataset: ProducedDataset) -> Sequence[ProducedDataset]:
    """The inputs of the dataset's path, whatever slashes their names have besides."""
    is_input = (ProducedDataset.campaign == EVGEN) & (ProducedDataset.scope == dataset.scope)
    wanted = select(ProducedDataset).where(is_input, ProducedDataset.suffix == dataset.suffix)
    return session.scalars(wanted.order_by(ProducedDataset.name)).all()


def _unregistered(session: Session, dataset: ProducedDataset) -> Input:
    """The input that is to be expected, where none is known."""
    sweep = session.get(CampaignSweep, EVGEN)
    is_known = sweep is not None and sweep.checked_at is not None
    did = f"{dataset.scope}:/EVGEN/{dataset.suffix}"
    return Input(did, is_registered=False if is_known else None, file_count=None)


def _outputs(session: Session, dataset: ProducedDataset) -> tuple[list[ProducedDataset], int]:
    """What was made of it: of an input, what bears its path; of simulation, its reconstruction."""
    if dataset.campaign == EVGEN:
        condition = (ProducedDataset.suffix == dataset.suffix) & (ProducedDataset.campaign != EVGEN)
        query = select(ProducedDataset).where(condition).order_by(ProducedDataset.name.desc())
        total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
        shown = list(session.scalars(query.limit(_MOST_DERIVED)))
        return shown, (total or 0) - len(shown)
    if dataset.stage == _RECO:
        return [], 0
    return [each for each in _siblings(session, dataset) if each.stage == _RECO], 0


def _siblings(session: Session, dataset: ProducedDataset) -> Sequence[ProducedDataset]:
    """The datasets of the same path and configuration at other stages."""
    tail = dataset.name.removeprefix(f"/{dataset.stage}/")
    stages = session.scalars(select(ProducedDataset.stage).distinct())
    others = {*stages} - {dataset.stage, EVGEN}
    names = [f"/{stage}/{tail}" for stage in others]
    return session.scalars(
        select(ProducedDataset).where(
            ProducedDataset.scope == dataset.scope, ProducedDataset.name.in_(names)
        )
    ).all()
