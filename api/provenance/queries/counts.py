"""What is counted of a campaign: paths, datasets, arrivals; and what rows may be filtered by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, case, func, literal_column, or_, select
from sqlalchemy.orm import Session

from api.provenance.queries.selection import SUGGESTING
from api.provenance.schemas import ArrivalView, CountsView
from flows.provenance.models import EVGEN, Finding, PathMatch, ProducedDataset, RequestedPath

BIN_HOURS: Final = 12
_BIN: Final[ColumnElement[Any]] = literal_column(f"interval '{BIN_HOURS} hours'")
_MIDNIGHT: Final[ColumnElement[Any]] = literal_column("timestamptz '2000-01-01 00:00:00+00'")
_FINDING_STAGES: Final = ("RECO", EVGEN)


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
    findings = {
        str(finding): (int(count), int(complete))
        for finding, count, complete in session.execute(_findings(name))
    }
    datasets, unmatched_ones, files, size = session.execute(_totals(name)).one()
    found, complete = findings.get(Finding.FOUND, (0, 0))
    return CountsView(
        requested=sum(count for count, _ in findings.values()),
        found=found,
        missing=findings.get(Finding.MISSING, (0, 0))[0],
        unknown=findings.get(Finding.UNKNOWN, (0, 0))[0],
        complete=complete,
        incomplete=found - complete,
        datasets=datasets,
        unmatched=unmatched_ones,
        files=files,
        size_bytes=size,
    )


def unmatched(session: Session, name: str) -> list[ProducedDataset]:
    """Datasets of the campaign that count for no requested path."""
    query = select(ProducedDataset).where(of_campaign(name), ~_counts_for_a_path(name))
    return list(session.scalars(query.order_by(ProducedDataset.name)))


def arrivals(session: Session, name: str) -> list[ArrivalView]:
    """What arrived of the campaign, in bins of 12 h aligned to UTC midnight."""
    begin = func.date_bin(_BIN, ProducedDataset.arrived_at, _MIDNIGHT).label("at")
    query = (
        select(begin, ProducedDataset.stage, func.count(), func.sum(ProducedDataset.file_count),
               func.sum(ProducedDataset.file_bytes))
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
    of_path = (
        select(RequestedPath.path, RequestedPath.finding,
               func.coalesce(func.bool_and(ProducedDataset.is_complete), False).label("complete"))
        .outerjoin(PathMatch, (PathMatch.campaign == RequestedPath.campaign)
                   & (PathMatch.path == RequestedPath.path) & PathMatch.rule.not_in(SUGGESTING))
        .outerjoin(ProducedDataset, (ProducedDataset.id == PathMatch.dataset_id)
                   & ProducedDataset.stage.in_(_FINDING_STAGES))
        .where(RequestedPath.campaign == name)
        .group_by(RequestedPath.path, RequestedPath.finding)
        .subquery()
    )  # fmt: skip
    complete = func.sum(of_path.c.complete.cast(Integer))
    return select(of_path.c.finding, func.count(), complete).group_by(of_path.c.finding)


def _totals(name: str) -> Any:
    lone = case((_counts_for_a_path(name), 0), else_=1)
    return select(
        func.count(),
        func.coalesce(func.sum(lone), 0),
        func.coalesce(func.sum(ProducedDataset.file_count), 0),
        func.coalesce(func.sum(ProducedDataset.file_bytes), 0),
    ).where(of_campaign(name))


def _counts_for_a_path(name: str) -> ColumnElement[bool]:
    return (
        select(PathMatch.dataset_id)
        .where(PathMatch.dataset_id == ProducedDataset.id)
        .where(PathMatch.campaign == name, PathMatch.rule.not_in(SUGGESTING))
        .exists()
    )
