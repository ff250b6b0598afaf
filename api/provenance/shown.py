"""Rows of provenance as its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from api.provenance import campaigns, dids, rows
from api.provenance.views import (
    ArrivalsView,
    DidView,
    FileView,
    LiveView,
    MatchView,
    PathView,
    ProducedView,
    ReportDetailView,
    RseView,
)
from flows.common.database import now
from flows.provenance.models import (
    ArrivalsSweep,
    CompletionReport,
    Finding,
    ProducedDataset,
    ProducedFile,
    SweepState,
)


def standing(found: campaigns.Standing) -> dict[str, Any]:
    """The fields of a `StandingView`."""
    sweep = found.sweep
    checked_at = sweep.checked_at if sweep is not None else None
    failed = sweep is not None and sweep.state == SweepState.FAILED
    return {
        "campaign": found.name,
        "lifecycle": found.lifecycle,
        "state": found.word,
        "error": sweep.error if failed and sweep is not None else None,
        "checked_at": checked_at,
        "attempted_at": sweep.attempted_at if sweep is not None else None,
        "age_seconds": (now() - checked_at).total_seconds() if checked_at is not None else None,
        "seconds": sweep.seconds if sweep is not None else None,
        "request_id": found.request.id if found.request is not None else None,
    }


def paths(
    found: Iterable[rows.Row], suggested: dict[str, list[rows.Suggestion]], error: str | None
) -> Iterator[PathView]:
    """The rows, which come sorted by path, as one entry for each detector configuration."""
    for (path, config), group in groupby(found, key=lambda row: (row.path, row.detector_config)):
        each = list(group)
        row = each[0]
        yield PathView(
            requested_path=path,
            suffix=row.suffix,
            campaign=row.campaign,
            detector_config=config,
            finding=row.finding,
            found=row.finding == Finding.FOUND,
            reason=row.reason,
            dids=[_match(one) for one in each if one.name is not None],
            suggestions=[one.did for one in suggested.get(path, ())],
            priority=row.priority,
            requestor=row.requestor,
            tasks=row.tasks,
            campaign_tasks=row.campaign_tasks,
            checked_at=row.checked_at,
            error=error,
        )


def _match(row: rows.Row) -> MatchView:
    return MatchView.model_validate(
        {
            "did": row.did,
            "rule": row.rule,
            "stage": row.stage,
            "version": row.version,
            "background": row.background,
            "rses": row.rses,
            "file_count": row.files,
            "bytes": row.size_bytes,
            "is_open": row.is_open,
            "complete": row.is_complete,
            "arrived_at": row.arrived_at,
            "checked_at": row.seen_at,
            "owner_path": row.owner_path,
            "owner_task": row.owner_task,
        }
    )


def produced(dataset: ProducedDataset) -> ProducedView:
    """A produced dataset."""
    return ProducedView(
        did=f"{dataset.scope}:{dataset.name}",
        stage=dataset.stage,
        version=dataset.campaign,
        detector_config=dataset.detector_config,
        background=dataset.background,
        rses=[RseView.model_validate(each) for each in dataset.rses],
        file_count=dataset.file_count,
        bytes=dataset.file_bytes,
        length=dataset.length,
        is_open=dataset.is_open,
        complete=dataset.is_complete,
        arrived_at=dataset.arrived_at,
        checked_at=dataset.checked_at,
        owner_path=dataset.owner_path,
        owner_task=dataset.owner_task,
    )


def did(found: dids.Detail) -> DidView:
    """All of a DID."""
    live, lineage = found.live, found.lineage
    files = [found.file] if found.file is not None else found.files
    return DidView(
        did=str(found.did),
        dataset=produced(found.dataset) if found.dataset is not None else None,
        files=[_file(each) for each in files],
        page=found.page,
        pages=found.pages,
        requested_paths=[
            {"campaign": each.campaign, "path": each.path, "rule": each.rule}
            for each in lineage.matches
        ],
        inputs=[each.did for each in lineage.inputs],
        outputs=[f"{each.scope}:{each.name}" for each in lineage.outputs],
        live=LiveView.model_validate(live, from_attributes=True) if live is not None else None,
        request_id=found.request.id if found.request is not None else None,
    )


def _file(file: ProducedFile) -> FileView:
    return FileView(name=file.name, bytes=file.size_bytes, adler32=file.adler32)


def report(found: CompletionReport) -> ReportDetailView:
    """A report with what it says."""
    return ReportDetailView.model_validate(found)


def arrivals(found: ArrivalsSweep) -> ArrivalsView:
    """What arrived between two looks."""
    return ArrivalsView.model_validate(found)
