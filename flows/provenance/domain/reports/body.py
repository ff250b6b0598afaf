"""The body of a completion report: what was requested, what there is of it, what changed. Pure.

Source: ops contract sections 3.7 and 3.8. Sizes in bytes, times in ISO 8601.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.provenance.domain.reports.changes import Changed, changes
from flows.provenance.domain.reports.evidence import STAGE, Evidence, available, finding_of
from flows.provenance.models import Finding, ProducedDataset, RequestedPath, SweepState

Body = dict[str, Any]


def make_body(
    evidence: Evidence, *, made_at: datetime, stale_after: timedelta, before: Changed | None
) -> Body:
    """The report's body.

    Args:
        evidence: What the tables hold of the campaign.
        made_at: The present.
        stale_after: Age at which what a sweep found is stale.
        before: The report that this one is compared with; None: it is the first.
    """
    paths = [_path(evidence, each) for each in sorted(evidence.paths, key=lambda each: each.path)]
    trust = _trust(evidence, made_at, stale_after)
    counts = _counts(evidence, paths)
    return {
        "campaign": evidence.campaign,
        "made_at": made_at.isoformat(),
        "evidence": trust,
        "counts": counts,
        "percent": _percentages(counts),
        "by_detector_config": _by_detector_config(evidence, paths),
        "by_rse": _by_rse(evidence),
        "paths": paths,
        "incomplete": [
            _incomplete(evidence, each)
            for each in sorted(evidence.datasets.values(), key=lambda each: each.name)
            if each.stage == STAGE and not each.is_complete
        ],
        "unmatched": [_unmatched(each) for each in evidence.unmatched()],
        "changes": changes(paths, before),
        "errors": [trust["error"]] if trust["error"] else [],
    }


def _trust(evidence: Evidence, made_at: datetime, stale_after: timedelta) -> dict[str, Any]:
    sweep = evidence.sweep
    checked = sweep.checked_at if sweep is not None else None
    age = made_at - checked if checked is not None else None
    failed = sweep is not None and sweep.state == SweepState.FAILED
    is_stale = age is None or age > stale_after
    return {
        "state": sweep.state if sweep is not None else "never",
        "checked_at": checked.isoformat() if checked is not None else None,
        "attempted_at": sweep.attempted_at.isoformat() if sweep is not None else None,
        "error": (sweep.error or "no reason is known") if failed and sweep is not None else None,
        "age_hours": round(age / timedelta(hours=1), 1) if age is not None else None,
        "is_stale": is_stale,
        "warning": _warning(sweep.attempted_at if failed and sweep else None, age, stale_after),
    }


def _warning(
    failed_at: datetime | None, age: timedelta | None, stale_after: timedelta
) -> str | None:
    sentences = []
    if failed_at is not None:
        sentences.append(f"The last look at Rucio, of {failed_at:%Y-%m-%d %H:%M} UTC, FAILED.")
    if age is None:
        sentences.append("Rucio has never answered for this campaign: nothing is known of it.")
    elif failed_at is not None or age > stale_after:
        sentences.append(f"What follows is {age / timedelta(hours=1):.0f} hours old.")
    return " ".join(sentences) or None


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


def _percentages(counts: Mapping[str, int]) -> dict[str, float | None]:
    requested, files = counts["requested"], counts["total_files"]
    return {
        "found": _percent(counts["found"], requested),
        "complete": _percent(counts["complete"], requested),
        "files": _percent(counts["files"], files),
    }


def _percent(part: int, whole: int) -> float | None:
    """Of a hundred, rounded down to a tenth: 100 means all."""
    return part * 1000 // whole / 10 if whole else None


def _by_detector_config(
    evidence: Evidence, paths: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    def key(dataset: ProducedDataset) -> tuple[str, str]:
        return dataset.detector_config, dataset.stage

    rows = []
    for (config, stage), members in _grouped(evidence.datasets.values(), key):
        of = [each for each in paths if stage == STAGE and config in each["detector_configs"]]
        head = {"detector_config": config, "stage": stage, "paths": len(of)}
        rows.append(head | _sums(members))
    return rows


def _sums(members: Sequence[ProducedDataset]) -> dict[str, Any]:
    return {
        "datasets": len(members),
        "complete": sum(each.is_complete for each in members),
        "incomplete": sum(not each.is_complete for each in members),
        "files": sum(each.file_count for each in members),
        "size_bytes": sum(each.file_bytes for each in members),
    }


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
        "path": evidence.path_of(dataset),
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


def _grouped(
    datasets: Iterable[ProducedDataset], key: Callable[[ProducedDataset], tuple[str, str]]
) -> list[tuple[tuple[str, str], list[ProducedDataset]]]:
    groups: dict[tuple[str, str], list[ProducedDataset]] = defaultdict(list)
    for dataset in datasets:
        groups[key(dataset)].append(dataset)
    return sorted(groups.items())
