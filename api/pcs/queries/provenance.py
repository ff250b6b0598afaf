"""What PCS's JSON has of production, read from provenance's tables (ops contract section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.pcs.models import Campaign, Lifecycle
from api.provenance.queries import counts
from flows.provenance.models import (
    EVGEN,
    ArrivalsSweep,
    CampaignSweep,
    DetectedRelease,
    ProducedDataset,
)
from flows.provenance.schemas import filters_of, is_complete, rses_of


def campaign_data(session: Session, found: Sequence[Campaign]) -> dict[int, dict[str, Any]]:
    """What `Campaign.data` holds of provenance, by the campaign's key; nothing where never swept.

    Args:
        session: The caller's transaction.
        found: The campaigns.
    """
    swept = set(session.scalars(select(CampaignSweep.campaign)))
    releases = _releases(session)
    arrivals = session.scalar(select(ArrivalsSweep).order_by(ArrivalsSweep.id.desc()).limit(1))
    data = {}
    for campaign in found:
        fields: dict[str, Any] = {}
        if campaign.name in swept:
            fields["rucio_unmatched"] = _all_unmatched(session, campaign.name)
        if releases:
            fields["detected_releases"] = releases
        if arrivals is not None:
            fields["arrivals"] = _arrivals(session, campaign.name, arrivals)
        if campaign.lifecycle == Lifecycle.CURRENT and EVGEN in swept:
            fields |= _evgen(session)
        data[campaign.id] = fields
    return data


def _evgen(session: Session) -> dict[str, Any]:
    sweep = session.get(CampaignSweep, EVGEN)
    checked_at = sweep.checked_at.isoformat() if sweep and sweep.checked_at else None
    return {
        "evgen_rucio_unmatched": _all_unmatched(session, EVGEN),
        "evgen_rucio_checked_at": checked_at,
    }


def _releases(session: Session) -> list[dict[str, Any]]:
    """Newest first: 26.10 comes before 26.9."""
    rows = session.scalars(select(DetectedRelease))
    found = [{"version": each.version, "count": each.datasets} for each in rows]
    return sorted(found, key=lambda each: _parts(str(each["version"])), reverse=True)


def _parts(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in version.split(".")]


def _all_unmatched(session: Session, name: str) -> list[dict[str, Any]]:
    return [_unmatched(each) for each in counts.unmatched(session, name)]


def _unmatched(dataset: ProducedDataset) -> dict[str, Any]:
    rses = {
        each["rse"]: {
            "complete": int(bool(each["complete"])),
            "incomplete": int(not each["complete"]),
        }
        for each in rses_of(dataset)
    }
    sizes = {"files": dataset.file_count, "bytes": dataset.file_bytes}
    lacks = int(not is_complete(dataset))
    of_stage = {"count": 1, **sizes, "rses": rses, "incomplete": lacks}
    return {
        "did": dataset.did,
        "stage": dataset.stage,
        **sizes,
        "rse_names": sorted(rses),
        "by_stage": {dataset.stage: of_stage},
        "incomplete": lacks,
        "filters": filters_of(dataset),
    }


def _arrivals(session: Session, name: str, last: ArrivalsSweep) -> dict[str, Any]:
    """Of the last look at what arrived, what is the campaign's."""
    of_it = {
        each: counted
        for each, counted in last.by_campaign.items()
        if each == name or each.startswith(f"{name}.")
    }
    by_root: dict[str, int] = {}
    for counted in of_it.values():
        for dataset, files in (counted.get("datasets") or {}).items():
            root = "/".join(dataset.split("/")[:3])
            by_root[root] = by_root.get(root, 0) + files
    newest = session.scalar(
        select(func.max(ProducedDataset.arrived_at)).where(counts.of_campaign(name))
    )
    return {
        "last_arrival_at": newest.isoformat() if newest is not None else None,
        "window_start": last.window_start.isoformat(),
        "swept_at": last.swept_at.isoformat(),
        "files": sum(each.get("files", 0) for each in of_it.values()),
        "by_root": by_root,
        "locations": counts.choices(session, name).rses,
    }
