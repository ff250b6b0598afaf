"""A selection as SQL: which rows of requested paths and produced datasets, in what order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, cast, exists, func, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from api.provenance.queries.selection import COMPLETENESS, NO_REQUESTOR, Selection
from flows.provenance.models import (
    TAPE,
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    SweepState,
)


def conditions(
    wanted: Selection, stale_before: datetime, *, is_any_finding: bool = False
) -> list[ColumnElement[bool]]:
    """What holds of the rows of a selection."""
    found = [RequestedPath.campaign == wanted.campaign]
    found += [_says(word) for word in wanted.text.split()]
    if wanted.finding and not is_any_finding:
        found.append(RequestedPath.finding == wanted.finding)
    if wanted.completeness:
        found.append(ProducedDataset.availability.in_(COMPLETENESS[wanted.completeness]))
    if wanted.rse:
        at_rse = type_coerce([{"rse": wanted.rse}], JSONB)
        found.append(ProducedDataset.rses.op("@>")(at_rse))
    if wanted.requestor:
        asked_by = "" if wanted.requestor == NO_REQUESTOR else wanted.requestor
        found.append(RequestedPath.requestor == asked_by)
    if wanted.priority:
        found.append(RequestedPath.priority == int(wanted.priority))
    if wanted.detector:
        found.append(ProducedDataset.detector_config == wanted.detector)
    if wanted.rule:
        found.append(PathMatch.rule == wanted.rule)
    if wanted.stage:
        found.append(ProducedDataset.stage == wanted.stage)
    return [*found, _is_stale(stale_before)] if wanted.is_stale else found


def _says(word: str) -> ColumnElement[bool]:
    return or_(
        RequestedPath.path.icontains(word, autoescape=True),
        ProducedDataset.name.icontains(word, autoescape=True),
    )


def _is_stale(before: datetime) -> ColumnElement[bool]:
    """Not swept since `before`, or not since Rucio failed to answer."""
    failed = exists().where(
        CampaignSweep.campaign == RequestedPath.campaign,
        CampaignSweep.state == SweepState.FAILED,
        CampaignSweep.attempted_at > RequestedPath.checked_at,
    )
    return or_(RequestedPath.checked_at.is_(None), RequestedPath.checked_at < before, failed)


def _share() -> ColumnElement[Any]:
    """The part of the listed files that is at the disk that has most of them."""
    each = func.jsonb_array_elements(ProducedDataset.rses).table_valued("value")
    rse = type_coerce(each.c.value, JSONB)
    is_disk = func.coalesce(rse["type"].astext, "") != TAPE
    most = select(func.max(cast(rse["files"].astext, Integer))).select_from(each).where(is_disk)
    listed = ProducedDataset.file_count
    on_disk = func.least(func.coalesce(most.scalar_subquery(), 0), listed)
    return on_disk * 1.0 / func.nullif(listed, 0)


def order(sort: str) -> list[ColumnElement[Any]]:
    """The order of rows: the one that is wanted, then by path."""
    columns: dict[str, Any] = {
        "path": RequestedPath.path,
        "finding": case({each.value: place for place, each in enumerate(Finding)},
                        value=RequestedPath.finding),
        "rule": PathMatch.rule,
        "detector": ProducedDataset.detector_config,
        "completeness": _share(),
        "files": func.coalesce(PathMatch.file_count, ProducedDataset.file_count),
        "bytes": ProducedDataset.file_bytes,
        "priority": RequestedPath.priority,
        "requestor": RequestedPath.requestor,
        "arrived": ProducedDataset.arrived_at,
        "checked": RequestedPath.checked_at,
    }  # fmt: skip
    column = columns[sort.removeprefix("-")]
    main = column.desc() if sort.startswith("-") else column.asc()
    return [main.nulls_last(), RequestedPath.path, ProducedDataset.detector_config.nulls_first(),
            ProducedDataset.name, ProducedDataset.id]  # fmt: skip
