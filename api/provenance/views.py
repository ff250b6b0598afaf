"""Rows of provenance as its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from api.provenance.queries import campaigns, dids, rows
from api.provenance.schemas import DidView, FileView, LiveView, MatchView, PathView, ProducedView
from flows.common.database import now
from flows.provenance.models import Finding, SweepState


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
    found: Iterable[rows.Row], suggested: dict[str, list[str]], error: str | None
) -> Iterator[PathView]:
    """The rows, which come sorted by path, as one entry for each detector configuration."""
    for (path, _), group in groupby(found, key=lambda row: (row.path, row.detector_config)):
        each = list(group)
        row = each[0]
        known = {name: getattr(row, name) for name in PathView.model_fields if hasattr(row, name)}
        yield PathView(
            **known,
            requested_path=path,
            found=row.finding == Finding.FOUND,
            dids=[MatchView.model_validate(one) for one in each if one.name is not None],
            suggestions=suggested.get(path, []),
            error=error,
        )


def did(found: dids.Detail) -> DidView:
    """All of a DID."""
    live, lineage = found.live, found.lineage
    files = [found.file] if found.file is not None else found.files
    return DidView(
        did=str(found.did),
        dataset=ProducedView.model_validate(found.dataset) if found.dataset is not None else None,
        files=[FileView.model_validate(each) for each in files],
        page=found.page,
        pages=found.pages,
        requested_paths=[
            {"campaign": each.campaign, "path": each.path, "rule": each.rule}
            for each in lineage.matches
        ],
        inputs=[each.did for each in lineage.inputs],
        outputs=[each.did for each in lineage.outputs],
        live=LiveView.model_validate(live) if live is not None else None,
        request_id=found.request.id if found.request is not None else None,
    )
