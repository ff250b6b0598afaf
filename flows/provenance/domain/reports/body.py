"""The body of a completion report: what was requested, what there is of it, what changed. Pure.

Source: ops contract sections 3.7 and 3.8. Sizes in bytes, times in ISO 8601.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.common.percent import percent
from flows.provenance.domain.figures import worst
from flows.provenance.domain.names import RECO
from flows.provenance.domain.reports.changes import Changed, changes
from flows.provenance.domain.reports.evidence import Evidence, finding_of
from flows.provenance.models import (
    Availability,
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
        "contradictory": [
            {"did": each.did, "contradictions": list(each.contradictions)}
            for each in sorted(evidence.datasets.values(), key=lambda each: each.name)
            if each.contradictions
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
    availability = worst(Availability(each.dataset.availability) for each in outputs)
    return {
        "path": path.path,
        "finding": finding,
        "reason": path.reason,
        "priority": path.priority,
        "requestor": path.requestor,
        "tasks": list(path.campaign_tasks),
        "requested_by": path.other_tasks,
        "availability": availability,
        "is_complete": availability is Availability.COMPLETE,
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
    how = Counter(each["availability"] for each in found)
    return {
        "requested": len(paths),
        "found": len(found),
        **{str(each): how[each] for each in Availability},
        "missing": sum(each["finding"] == Finding.MISSING for each in paths),
        "unknown": sum(each["finding"] == Finding.UNKNOWN for each in paths),
        "datasets": len(produced),
        "unmatched": len(evidence.unmatched()),
        "contradictory": sum(bool(each.contradictions) for each in produced),
        "files": sum(min(each.counted_files, each.files_on_disk) for each in produced),
        "total_files": sum(each.counted_files for each in produced),
        "size_bytes": sum(each.counted_bytes for each in produced),
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
            "files": sum(each.counted_files for each in datasets),
            "size_bytes": sum(each.counted_bytes for each in datasets),
        }
        for (config, stage), datasets in sorted(groups.items())
    ]


def _by_rse(evidence: Evidence) -> list[dict[str, Any]]:
    held: dict[tuple[str, str], list[tuple[ProducedDataset, Mapping[str, Any]]]] = defaultdict(list)
    for dataset in evidence.datasets.values():
        for replica in dataset.rses:
            held[replica["rse"], dataset.stage].append((dataset, replica))

    def total(found: Iterable[tuple[ProducedDataset, Mapping[str, Any]]], key: str) -> int:
        return sum(_counted(dataset, int(replica[key] or 0)) for dataset, replica in found)

    return [
        {
            "rse": rse,
            "type": found[0][1].get("type", ""),
            "stage": stage,
            "datasets": len(found),
            "complete": sum(bool(replica["complete"]) for _, replica in found),
            "incomplete": sum(not replica["complete"] for _, replica in found),
            "files": total(found, "files"),
            "total": total(found, "total"),
            "size_bytes": total(found, "bytes"),
        }
        for (rse, stage), found in sorted(held.items())
    ]


def _counted(dataset: ProducedDataset, number: int) -> int:
    """What totals count of a number that is about all files of the dataset, in proportion."""
    if dataset.counted_files == dataset.file_count:
        return number
    return number * dataset.counted_files // dataset.file_count


def _incomplete(evidence: Evidence, dataset: ProducedDataset) -> dict[str, Any]:
    return {
        "did": dataset.did,
        "path": evidence.path_of.get(dataset.id),
        "detector_config": dataset.detector_config,
        "is_open": dataset.is_open,
        "availability": dataset.availability,
        "files": dataset.files_on_disk,
        "total_files": dataset.file_count,
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
