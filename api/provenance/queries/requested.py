"""Requested paths: how one stands in every campaign, and what of a campaign is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from api.provenance.queries import dids
from api.provenance.queries.selection import SUGGESTING
from api.provenance.schemas import ProducedView
from flows.provenance.models import Finding, PathMatch, ProducedDataset, RequestedPath

_STAGES = ("/RECO/", "/FULL/", "/SIMU/", "/LOG/", "/EVGEN/")


@dataclass(frozen=True)
class Asked:
    """What a text asks for: a DID's scope and name; None: a requested path."""

    did: tuple[str, str] | None

    @classmethod
    def of(cls, text: str, *, scope: str) -> Self:
        """What the text asks for; a name alone is taken to be of the scope.

        Raises:
            BadDid: It has a colon, and is no DID.
        """
        if ":" in text:
            did = dids.parse(text)
            return cls((did.scope, did.name))
        return cls((scope, text) if text.startswith(_STAGES) else None)


class Missing(BaseModel):
    """A requested path of which a campaign has nothing."""

    model_config = ConfigDict(from_attributes=True)

    path: str
    reason: str | None
    priority: int | None
    requestor: str
    tasks: list[str]


class PathStanding(BaseModel):
    """A requested path in one campaign.

    Attributes:
        finding: found, missing, or unknown: never asked with an answer.
        datasets: What counts for it.
        suggestions: What is near to it, and does not count.
    """

    campaign: str
    path: str
    finding: Finding
    reason: str | None
    checked_at: datetime | None
    tasks: list[str]
    datasets: list[ProducedView]
    suggestions: list[str]


def standings_of(session: Session, path: str, *, most: int) -> list[PathStanding]:
    """The path, whole or below EVGEN's root, in each campaign that has it, newest first."""
    rows = session.scalars(
        select(RequestedPath)
        .where(_is_called(path))
        .order_by(RequestedPath.campaign.desc())
        .limit(most)
    ).all()
    matches = _matches(session, rows)
    return [_standing(each, matches[each.campaign, each.path]) for each in rows]


def paths_called(session: Session, path: str, *, most: int = 10) -> Sequence[str]:
    """The requested paths of that name, whole or below EVGEN's root; a whole one alone."""
    wanted = select(RequestedPath.path).where(_is_called(path)).distinct()
    found = session.scalars(wanted.order_by(RequestedPath.path).limit(most)).all()
    whole = path.rstrip("/")
    return [whole] if whole in found else found


def _is_called(path: str) -> ColumnElement[bool]:
    wanted = path.rstrip("/")
    below = wanted.partition("EVGEN/")[2] or wanted.lstrip("/")
    return or_(RequestedPath.path == wanted, RequestedPath.suffix == below)


def missing(session: Session, campaign: str, *, most: int) -> tuple[int, list[Missing]]:
    """How many paths of the campaign are missing, and the first, by priority."""
    query = select(RequestedPath).where(
        RequestedPath.campaign == campaign, RequestedPath.finding == Finding.MISSING
    )
    count = session.scalar(select(func.count()).select_from(query.subquery()))
    first = query.order_by(RequestedPath.priority.nulls_last(), RequestedPath.path).limit(most)
    return count or 0, [Missing.model_validate(each) for each in session.scalars(first)]


_Match = tuple[PathMatch, ProducedDataset]


def _matches(
    session: Session, rows: Sequence[RequestedPath]
) -> defaultdict[tuple[str, str], list[_Match]]:
    found = session.execute(
        select(PathMatch, ProducedDataset)
        .join(ProducedDataset, ProducedDataset.id == PathMatch.dataset_id)
        .where(
            PathMatch.path.in_({each.path for each in rows}),
            PathMatch.campaign.in_({each.campaign for each in rows}),
        )
        .order_by(ProducedDataset.name)
    )
    by_path: defaultdict[tuple[str, str], list[_Match]] = defaultdict(list)
    for match, dataset in found:
        by_path[match.campaign, match.path].append((match, dataset))
    return by_path


def _standing(row: RequestedPath, matches: Sequence[_Match]) -> PathStanding:
    counted = [dataset for match, dataset in matches if match.rule not in SUGGESTING]
    return PathStanding(
        campaign=row.campaign,
        path=row.path,
        finding=row.finding,
        reason=row.reason,
        checked_at=row.checked_at,
        tasks=row.tasks,
        datasets=[ProducedView.model_validate(each) for each in counted],
        suggestions=[dataset.did for match, dataset in matches if match.rule in SUGGESTING],
    )
