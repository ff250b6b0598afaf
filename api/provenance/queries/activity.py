"""What is new: arrivals of a campaign, its tasks, and what was asked of the ops side."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.pcs.models import ProdTask
from api.provenance.queries.counts import of_campaign
from flows.common.models import Request
from flows.provenance.models import ProducedDataset


class Arrived(BaseModel):
    """The datasets whose first replica is new, as the last sweep saw them."""

    datasets: int
    files: int
    bytes: int


def arrived(session: Session, campaign: str, *, since: datetime) -> Arrived:
    """What arrived of the campaign since a time."""
    counted = select(
        func.count(),
        func.coalesce(func.sum(ProducedDataset.counted_files), 0),
        func.coalesce(func.sum(ProducedDataset.counted_bytes), 0),
    ).where(of_campaign(campaign), ProducedDataset.arrived_at >= since)
    datasets, files, size = session.execute(counted).one()
    return Arrived(datasets=datasets, files=files, bytes=size)


def tasks_by_status(session: Session, campaign: str) -> dict[str, int]:
    """How many tasks of the campaign PCS has, by status."""
    counted = select(ProdTask.status, func.count()).where(ProdTask.campaign.has(name=campaign))
    rows = session.execute(counted.group_by(ProdTask.status).order_by(ProdTask.status))
    return {str(status): count for status, count in rows}


def requests_since(session: Session, since: datetime) -> dict[str, dict[str, int]]:
    """How many requests of each action were accepted since a time, by state."""
    counted = select(Request.action, Request.state, func.count()).where(Request.created_at >= since)
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = session.execute(counted.group_by(Request.action, Request.state).order_by(Request.action))
    for action, state, count in rows:
        found[action][str(state)] = count
    return dict(found)
