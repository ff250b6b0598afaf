"""The files that arrived at Rucio since the sweep before, by campaign and dataset.

:mod:`flows.provenance.domain.arrivals` says why none is missed and none counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import run
from flows.common.database import now
from flows.provenance.actions import SWEEP_ARRIVALS
from flows.provenance.domain.arrivals import (
    OVERLAP,
    Arrived,
    asked_since,
    count_arrivals,
    window_start,
)
from flows.provenance.repository import arrivals
from flows.provenance.tasks import access
from flows.provenance.tasks.common import conclude, task


class ArrivalsOvertaken(ProdOpsError):
    """Others wrote their sweeps down all the time, each before this one could."""


@dataclass(frozen=True)
class ArrivalsFound:
    """What arrived, and of which time; `after_id`: the sweep that it was counted from."""

    arrived: Arrived
    began_at: datetime
    window_start: datetime
    after_id: int | None

    def summary(self) -> dict[str, Any]:
        """window_start, swept_at, files, by_campaign (numbers only), unknown_campaigns."""
        campaigns = {
            name: {**counted, "datasets": len(counted["datasets"])}
            for name, counted in self.arrived.by_campaign.items()
        }
        return {
            "window_start": self.window_start.isoformat(),
            "swept_at": self.began_at.isoformat(),
            "files": self.arrived.files,
            "by_campaign": campaigns,
            "unknown_campaigns": list(self.arrived.unknown_campaigns),
        }


@task("look for new files")
def find_arrivals() -> ArrivalsFound:
    """Ask Rucio for the files that are new since the last sweep.

    Raises:
        ProdOpsError: Rucio or PCS did not answer whole.
    """
    last_id, before = run.current().read(arrivals.last_sweep)
    began_at = now()
    known = {each.name for each in access.pcs().catalogue.survey().campaigns}
    names = files_since(asked_since(before, began_at))
    # Asked second: a file that comes in between is none that was seen.
    newest = set(files_since(began_at - OVERLAP))
    return ArrivalsFound(
        count_arrivals(names, before=before, newest=newest, known_campaigns=known),
        began_at,
        window_start(before, began_at),
        last_id,
    )


def files_since(since: datetime) -> Sequence[str]:
    """Names of the files of all stages that were made since then."""
    configured = run.current().settings.provenance
    found: dict[str, None] = {}
    for stage in configured.stages:
        listed = access.catalog().list_files_created_after(
            configured.scope, f"/{stage}/*", since=since
        )
        found |= dict.fromkeys(listed)
    return tuple(found)


@task("write the arrivals down")
def record_arrivals(found: ArrivalsFound) -> dict[str, Any] | None:
    """Write them down and announce them.

    Returns:
        Their summary; None where another sweep was written down since this one began.
    """
    summary = found.summary()

    def write(session: Session) -> None:
        id_ = arrivals.add_sweep(
            session,
            found.arrived,
            window_start=found.window_start,
            began_at=found.began_at,
            after_id=found.after_id,
        )
        if id_ is None:
            raise ArrivalsOvertaken("another sweep was written down since this one began")

    try:
        conclude(SWEEP_ARRIVALS, summary, result=summary, write=write)
    except ArrivalsOvertaken:
        return None
    return summary
