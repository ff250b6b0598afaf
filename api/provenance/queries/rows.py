"""Rows of the catalog: each requested path with each dataset that counts for it. All their SQL.

Never touches the files' table: a campaign has a hundred thousand of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from api.provenance.queries.filters import conditions, order
from api.provenance.queries.selection import SUGGESTING, Selection
from flows.common.database import among
from flows.provenance.models import (
    Availability,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    Rule,
    most_on_disk,
)

PAGE_SIZE: Final = 100
_CHUNK: Final = 500


@dataclass(frozen=True, kw_only=True)
class Row:
    """A requested path, with a dataset that counts for it where there is one.

    Attributes:
        files: Files of the dataset that are of this path.
        rses: `{"rse", "type", "files": available, "total", "bytes", "complete"}` each.
        contradictions: Where Rucio's counts of the dataset contradict each other, in words.
        tasks: PCS's tasks of the path; `campaign_tasks` those of this campaign.
    """

    campaign: str
    path: str
    suffix: str
    finding: Finding
    reason: str | None
    checked_at: datetime | None
    priority: int | None
    requestor: str
    tasks: list[str]
    campaign_tasks: list[str]
    rule: Rule | None
    matched_files: int | None
    scope: str | None
    name: str | None
    version: str | None
    stage: str | None
    detector_config: str | None
    background: str | None
    file_count: int | None
    counted_files: int | None
    size_bytes: int | None
    rses: list[dict[str, Any]] | None
    availability: Availability | None
    contradictions: list[str] | None
    is_open: bool | None
    arrived_at: datetime | None
    owner_path: str | None
    owner_task: str | None
    seen_at: datetime | None

    @property
    def did(self) -> str | None:
        """Scope and name, as Rucio's commands take them."""
        return f"{self.scope}:{self.name}" if self.name else None

    @property
    def files(self) -> int | None:
        """Files of the dataset that are of this path."""
        return self.file_count if self.matched_files is None else self.matched_files

    @property
    def files_on_disk(self) -> int:
        """Files of the dataset at the disk that has most of them."""
        return most_on_disk(self.rses or (), self.file_count or 0)

    @property
    def is_complete(self) -> bool | None:
        """Whether all files are wherever they are to be; None where there is no dataset."""
        has_dataset = self.availability is not None
        return self.availability == Availability.COMPLETE if has_dataset else None

    @property
    def other_tasks(self) -> list[str]:
        """The tasks of other campaigns that ask for the path."""
        return [each for each in self.tasks if each not in self.campaign_tasks]

    @property
    def is_shared(self) -> bool:
        """Whether another requested path owns the dataset."""
        return self.owner_path is not None and self.owner_path != self.path


@dataclass(frozen=True)
class Page:
    """A page of rows, and what counts of all of them.

    Attributes:
        total: Rows of the selection.
        counts: Paths by finding, under the other filters.
        suggestions: DIDs that are suggested for this page's paths, by path.
    """

    rows: list[Row]
    total: int
    counts: dict[str, int]
    suggestions: dict[str, list[str]]

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE_SIZE))


_COLUMNS: Final[tuple[Any, ...]] = (
    RequestedPath.campaign, RequestedPath.path, RequestedPath.suffix, RequestedPath.finding,
    RequestedPath.reason, RequestedPath.checked_at, RequestedPath.priority,
    RequestedPath.requestor, RequestedPath.tasks, RequestedPath.campaign_tasks,
    PathMatch.rule, PathMatch.file_count.label("matched_files"),
    ProducedDataset.scope, ProducedDataset.name,
    ProducedDataset.campaign.label("version"), ProducedDataset.stage,
    ProducedDataset.detector_config, ProducedDataset.background, ProducedDataset.file_count,
    ProducedDataset.counted_files,
    ProducedDataset.file_bytes.label("size_bytes"), ProducedDataset.rses,
    ProducedDataset.availability, ProducedDataset.contradictions, ProducedDataset.is_open,
    ProducedDataset.arrived_at,
    ProducedDataset.owner_path, ProducedDataset.owner_task,
    ProducedDataset.checked_at.label("seen_at"),
)  # fmt: skip


def page(session: Session, wanted: Selection, *, stale_before: datetime) -> Page:
    """The page of rows that is wanted."""
    start = (wanted.page - 1) * PAGE_SIZE
    rows = piece(session, wanted, stale_before=stale_before, start=start, limit=PAGE_SIZE)
    count = _joined(select(func.count())).where(*conditions(wanted, stale_before))
    return Page(
        rows=rows,
        total=session.scalar(count) or 0,
        counts=_counts(session, wanted, stale_before),
        suggestions=suggestions(session, wanted.campaign, [row.path for row in rows]),
    )


def every(session: Session, wanted: Selection, *, stale_before: datetime) -> Iterator[Row]:
    """All rows of a selection, read bit by bit."""
    found = _selected(wanted, stale_before).execution_options(yield_per=_CHUNK)
    return (Row(**each._asdict()) for each in session.execute(found))


def piece(
    session: Session, wanted: Selection, *, stale_before: datetime, start: int, limit: int
) -> list[Row]:
    """Some of a selection's rows, from the one with that number on."""
    found = _selected(wanted, stale_before).limit(limit).offset(start)
    return [Row(**each._asdict()) for each in session.execute(found)]


def suggestions(
    session: Session, campaign: str, paths: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """The DIDs that are suggested for some paths of a campaign, or for all; they find nothing."""
    query = (
        select(PathMatch.path, ProducedDataset.scope, ProducedDataset.name)
        .join(ProducedDataset, ProducedDataset.id == PathMatch.dataset_id)
        .where(PathMatch.campaign == campaign, PathMatch.rule.in_(SUGGESTING))
        .order_by(PathMatch.path, ProducedDataset.name)
    )
    if paths is not None:
        query = query.where(among(PathMatch.path, set(paths)))
    found: dict[str, list[str]] = {}
    for path, scope, name in session.execute(query):
        found.setdefault(path, []).append(f"{scope}:{name}")
    return found


def _selected(wanted: Selection, stale_before: datetime) -> Select[Any]:
    query = _joined(select(*_COLUMNS)).where(*conditions(wanted, stale_before))
    return query.order_by(*order(wanted.sort))


def _joined(query: Select[Any]) -> Select[Any]:
    of_path = and_(
        PathMatch.campaign == RequestedPath.campaign,
        PathMatch.path == RequestedPath.path,
        PathMatch.rule.not_in(SUGGESTING),
    )
    return (
        query.select_from(RequestedPath)
        .outerjoin(PathMatch, of_path)
        .outerjoin(ProducedDataset, ProducedDataset.id == PathMatch.dataset_id)
    )


def _counts(session: Session, wanted: Selection, stale_before: datetime) -> dict[str, int]:
    query = (
        _joined(select(RequestedPath.finding, func.count(RequestedPath.path.distinct())))
        .where(*conditions(wanted, stale_before, is_any_finding=True))
        .group_by(RequestedPath.finding)
    )
    found = {str(finding): int(count) for finding, count in session.execute(query)}
    return {finding.value: found.get(finding, 0) for finding in Finding}
