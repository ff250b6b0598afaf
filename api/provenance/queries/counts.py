"""What is counted of a campaign: paths, datasets, arrivals; and what rows may be filtered by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, literal_column, or_, select
from sqlalchemy.orm import Session

from api.provenance.queries.selection import SUGGESTING
from api.provenance.schemas import ArrivalView, CountsView
from flows.provenance.models import (
    EVGEN,
    Availability,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
)

BIN_HOURS: Final = 12
_BIN: Final[ColumnElement[Any]] = literal_column(f"interval '{BIN_HOURS} hours'")
_MIDNIGHT: Final[ColumnElement[Any]] = literal_column("timestamptz '2000-01-01 00:00:00+00'")
_FINDING_STAGES: Final = ("RECO", EVGEN)
_BEST_FIRST: Final = tuple(Availability)


@dataclass(frozen=True)
class Choices:
    """What a campaign's rows may be filtered by."""

    detectors: list[str]
    stages: list[str]
    rses: list[str]
    requestors: list[str]
    priorities: list[int]


def of_campaign(name: str) -> ColumnElement[bool]:
    """The datasets of a campaign, or of all editions of a family."""
    return or_(
        ProducedDataset.campaign == name,
        ProducedDataset.campaign.startswith(f"{name}.", autoescape=True),
    )


def summary(session: Session, name: str) -> CountsView:
    """What is counted of the campaign, from the same tables as its rows."""
    paths: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for finding, worst, count in session.execute(_findings(name)):
        paths[str(finding)] += count
        if finding == Finding.FOUND:
            found[_BEST_FIRST[worst] if worst is not None else Availability.INCOMPLETE] += count
    return CountsView(
        requested=paths.total(),
        found=paths[Finding.FOUND],
        missing=paths[Finding.MISSING],
        unknown=paths[Finding.UNKNOWN],
        **{str(each): found[each] for each in _BEST_FIRST},
        **session.execute(_totals(name)).one()._asdict(),
    )


def unmatched(session: Session, name: str) -> list[ProducedDataset]:
    """Datasets of the campaign that count for no requested path."""
    query = select(ProducedDataset).where(of_campaign(name), ~_counts_for_a_path(name))
    return list(session.scalars(query.order_by(ProducedDataset.name)))


def arrivals(session: Session, name: str) -> list[ArrivalView]:
    """What arrived of the campaign, in bins of 12 h aligned to UTC midnight."""
    begin = func.date_bin(_BIN, ProducedDataset.arrived_at, _MIDNIGHT).label("at")
    query = (
        select(begin, ProducedDataset.stage, func.count(), func.sum(ProducedDataset.counted_files),
               func.sum(ProducedDataset.counted_bytes))
        .where(of_campaign(name), ProducedDataset.arrived_at.is_not(None))
        .group_by(begin, ProducedDataset.stage)
        .order_by(begin, ProducedDataset.stage)
    )  # fmt: skip
    return [
        ArrivalView(
            at=at.astimezone(UTC), stage=stage, datasets=count, files=files, size_bytes=size
        )
        for at, stage, count, files, size in session.execute(query)
    ]


def choices(session: Session, name: str) -> Choices:
    """What occurs in the campaign's rows."""
    here = of_campaign(name)
    rse = func.jsonb_array_elements(ProducedDataset.rses).op("->>")("rse")
    of_path = RequestedPath.campaign == name
    return Choices(
        detectors=_distinct(session, ProducedDataset.detector_config, here),
        stages=_distinct(session, ProducedDataset.stage, here),
        rses=_distinct(session, rse, here),
        requestors=_distinct(session, RequestedPath.requestor, of_path),
        priorities=_distinct(session, RequestedPath.priority, of_path),
    )


def _distinct(session: Session, what: ColumnElement[Any] | Any, where: Any) -> list[Any]:
    found = session.scalars(select(what).distinct().where(where))
    return sorted(each for each in found if each is not None)


def _findings(name: str) -> Any:
    """Numbers of paths by finding, and by how their worst dataset is."""
    rank = case(
        {each.value: place for place, each in enumerate(_BEST_FIRST)},
        value=ProducedDataset.availability,
    )
    of_path = (
        select(RequestedPath.path, RequestedPath.finding, func.max(rank).label("worst"))
        .outerjoin(PathMatch, (PathMatch.campaign == RequestedPath.campaign)
                   & (PathMatch.path == RequestedPath.path) & PathMatch.rule.not_in(SUGGESTING))
        .outerjoin(ProducedDataset, (ProducedDataset.id == PathMatch.dataset_id)
                   & ProducedDataset.stage.in_(_FINDING_STAGES))
        .where(RequestedPath.campaign == name)
        .group_by(RequestedPath.path, RequestedPath.finding)
        .subquery()
    )  # fmt: skip
    return select(of_path.c.finding, of_path.c.worst, func.count()).group_by(
        of_path.c.finding, of_path.c.worst
    )


def _totals(name: str) -> Any:
    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    return select(
        func.count().label("datasets"),
        number(~_counts_for_a_path(name)).label("unmatched"),
        number(func.jsonb_array_length(ProducedDataset.contradictions) > 0).label("contradictory"),
        func.coalesce(func.sum(ProducedDataset.counted_files), 0).label("files"),
        func.coalesce(func.sum(ProducedDataset.counted_bytes), 0).label("size_bytes"),
    ).where(of_campaign(name))


def _counts_for_a_path(name: str) -> ColumnElement[bool]:
    return (
        select(PathMatch.dataset_id)
        .where(PathMatch.dataset_id == ProducedDataset.id)
        .where(PathMatch.campaign == name, PathMatch.rule.not_in(SUGGESTING))
        .exists()
    )
