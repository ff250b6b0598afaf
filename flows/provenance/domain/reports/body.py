"""The body of a completion report: what was requested, what there is of it, what changed. Pure.

Source: ops contract sections 3.7 and 3.8. Sizes in bytes, times in ISO 8601.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.common.percent import percent
from flows.provenance.domain.names import RECO
from flows.provenance.domain.reports.changes import Changed, changes
from flows.provenance.domain.reports.evidence import Evidence, available, finding_of
from flows.provenance.models import (
    CampaignSweep,
    Finding,
    ProducedDataset,
    RequestedPath,
    SweepState,
)


def make_body(
    evidence: Evidence, *, made_at: datetime, stale_after: timedelta, before: Changed | None
) -> dict[str, Any]:
    """The report's body.

    Args:
        evidence: What the tables hold of the campaign.
        made_at: The present.
        stale_after: Age at which what a sweep found is stale.
        before: The report that this one is compared with; None: it is the first.
    """
    paths = [_path(evidence, each) for each in sorted(evidence.paths, key=lambda each: each.path)]
    trust = _trust(evidence.sweep, made_at, stale_after)
    counts = _counts(evidence, paths)
    return {
        "campaign": evidence.campaign,
        "made_at": made_at.isoformat(),
        "evidence": trust,
        "counts": counts,
        "percent": {
            "found": percent(counts["found"], counts["requested"]),
            "complete": percent(counts["complete"], counts["requested"]),
            "files": percent(counts["files"], counts["total_files"]),
        },
        "by_detector_config": _by_detector_config(evidence, paths),
        "by_rse": _by_rse(evidence),
        "paths": paths,
        "incomplete": [
            _incomplete(evidence, each)
            for each in sorted(evidence.datasets.values(), key=lambda each: each.name)
            if each.stage == RECO and not each.is_complete
        ],
        "unmatched": [_unmatched(each) for each in evidence.unmatched()],
        "changes": changes(paths, before),
        "errors": [trust["error"]] if trust["error"] else [],
    }


def _trust(sweep: CampaignSweep, made_at: datetime, stale_after: timedelta) -> dict[str, Any]:
    checked = sweep.checked_at
    age = made_at - checked if checked is not None else None
    is_stale = age is None or age > stale_after
    sentences = []
    if has_failed := sweep.state == SweepState.FAILED:
        failed_at = f"{sweep.attempted_at:%Y-%m-%d %H:%M}"
        sentences.append(f"The last look at Rucio, of {failed_at} UTC, FAILED.")
    if age is None:
        sentences.append("Rucio has never answered for this campaign: nothing is known of it.")
    elif has_failed or is_stale:
        sentences.append(f"What follows is {age / timedelta(hours=1):.0f} hours old.")
    return {
        "state": sweep.state,
        "checked_at": checked.isoformat() if checked is not None else None,
        "attempted_at": sweep.attempted_at.isoformat(),
        "error": (sweep.error or "no reason is known") if has_failed else None,
        "age_hours": round(age / timedelta(hours=1), 1) if age is not None else None,
        "is_stale": is_stale,
        "warning": " ".join(sentences) or None,
    }


def _path(evidence: Evidence, path: RequestedPath) -> dict[str, Any]:
    outputs = evidence.outputs(path.path)
    finding = finding_of(path, outputs)
    return {
        "path": path.path,
        "finding": finding,
        "reason": path.reason,
        "priority": path.priority,
        "requestor": path.requestor,
        "tasks": list(path.campaign_tasks or path.tasks),
        "is_complete": bool(outputs) and all(each.dataset.is_complete for each in outputs),
        "detector_configs": sorted({each.dataset.detector_config for each in outputs}),
        "rules": sorted({str(each.rule) for each in outputs}),
        "files": sum(each.files for each in outputs),
        "total_files": sum(each.total_files for each in outputs),
        "size_bytes": sum(each.size_bytes for each in outputs),
        "dids": [each.dataset.did for each in outputs],
        "suggestions": evidence.suggestions(path.path) if finding is Finding.MISSING else [],
    }


def _counts(evidence: Evidence, paths: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    produced = list(evidence.datasets.values())
    found = [each for each in paths if each["finding"] == Finding.FOUND]
    return {
        "requested": len(paths),
        "found": len(found),
        "complete": sum(each["is_complete"] for each in found),
        "incomplete": sum(not each["is_complete"] for each in found),
        "missing": sum(each["finding"] == Finding.MISSING for each in paths),
        "unknown": sum(each["finding"] == Finding.UNKNOWN for each in paths),
        "datasets": len(produced),
        "unmatched": len(evidence.unmatched()),
        "files": sum(min(each.file_count, available(each)) for each in produced),
        "total_files": sum(each.file_count for each in produced),
        "size_bytes": sum(each.file_bytes for each in produced),
    }


def _by_detector_config(
    evidence: Evidence, paths: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[ProducedDataset]] = defaultdict(list)
    for dataset in evidence.datasets.values():
        groups[dataset.detector_config, dataset.stage].append(dataset)
    return [
        {
            "detector_config": config,
            "stage": stage,
            "paths": sum(stage == RECO and config in each["detector_configs"] for each in paths),
            "datasets": len(datasets),
            "complete": sum(each.is_complete for each in datasets),
            "incomplete": sum(not each.is_complete for each in datasets),
            "files": sum(each.file_count for each in datasets),
            "size_bytes": sum(each.file_bytes for each in datasets),
        }
        for (config, stage), datasets in sorted(groups.items())
    ]


def _by_rse(evidence: Evidence) -> list[dict[str, Any]]:
    held: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for dataset in evidence.datasets.values():
        for replica in dataset.rses:
            held[replica["rse"], dataset.stage].append(replica)
    return [
        {
            "rse": rse,
            "stage": stage,
            "datasets": len(replicas),
            "complete": sum(bool(each["complete"]) for each in replicas),
            "incomplete": sum(not each["complete"] for each in replicas),
            "files": sum(int(each["files"]) for each in replicas),
            "total": sum(int(each["total"]) for each in replicas),
            "size_bytes": sum(int(each["bytes"] or 0) for each in replicas),
        }
        for (rse, stage), replicas in sorted(held.items())
    ]


def _incomplete(evidence: Evidence, dataset: ProducedDataset) -> dict[str, Any]:
    return {
        "did": dataset.did,
        "path": evidence.path_of.get(dataset.id),
        "detector_config": dataset.detector_config,
        "is_open": dataset.is_open,
        "rses": list(dataset.rses),
    }


def _unmatched(dataset: ProducedDataset) -> dict[str, Any]:
    return {
        "did": dataset.did,
        "stage": dataset.stage,
        "files": dataset.file_count,
        "size_bytes": dataset.file_bytes,
        "is_complete": dataset.is_complete,
        "rses": [each["rse"] for each in dataset.rses],
    }
