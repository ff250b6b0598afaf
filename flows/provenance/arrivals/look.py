"""The files that arrived at Rucio since the last look, by campaign and dataset.

Needs Rucio and PCS. See `counting` for why none is missed and none counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prefect import flow
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common.database import now, transaction
from flows.common.requests import ClaimLost
from flows.provenance import ledger
from flows.provenance.arrivals import kept
from flows.provenance.arrivals.counting import (
    OVERLAP,
    Arrived,
    asked_since,
    count_arrivals,
    window_start,
)
from flows.provenance.steps import step
from flows.provenance.workplace import opened, workplace

_ACTION: Final = "sweep_arrivals"
_TRIES: Final = 3


class ArrivalsOvertaken(ProdOpsError):
    """Others wrote their looks down all the time, each before this one could."""


@dataclass(frozen=True)
class _Seen:
    arrived: Arrived
    began_at: datetime
    window_start: datetime
    after_id: int | None


@flow(name="sweep-arrivals", persist_result=False)
def sweep_arrivals(created_by: str = "") -> dict[str, Any]:  # noqa: ARG001 - of the action's form
    """Count the files that arrived since the last look.

    Returns:
        window_start, swept_at, files, by_campaign (numbers only), unknown_campaigns.
    """
    with opened():
        return sweep(is_last=True)


def sweep(*, is_last: bool = False) -> dict[str, Any]:
    """Look, write it down and announce it, within a run.

    Args:
        is_last: Whether the run's request ends with it.

    Raises:
        ProdOpsError: Rucio or PCS did not answer whole; nothing is counted, and the next look
            begins where this one would have.
    """
    try:
        for _ in range(_TRIES):
            if (told := _write_down(_look(), is_last=is_last)) is not None:
                return told
        raise ArrivalsOvertaken(f"another look was faster, {_TRIES} times")
    except ClaimLost:
        raise
    except ProdOpsError as error:
        _announce_failure(str(error), is_last=is_last)
        raise


@step("look for new files")
def _look() -> _Seen:
    place = workplace()
    with transaction(place.engine) as session:
        last = kept.last_look(session)
    before = last[1] if last is not None else None
    began_at = now()
    known = {each.name for each in place.pcs.catalogue.survey().campaigns}
    names = _files_since(asked_since(before, began_at))
    # Asked second: a file that comes in between is none that was seen.
    newest = set(_files_since(began_at - OVERLAP))
    return _Seen(
        count_arrivals(names, before=before, newest=newest, known_campaigns=known),
        began_at,
        window_start(before, began_at),
        last[0] if last is not None else None,
    )


def _files_since(since: datetime) -> Sequence[str]:
    place = workplace()
    configured = place.settings.provenance
    found: dict[str, None] = {}
    for stage in configured.stages:
        pattern = f"/{stage}/*"
        found |= dict.fromkeys(
            place.catalog.list_files_created_after(configured.scope, pattern, since=since)
        )
    return tuple(found)


@step("write the arrivals down")
def _write_down(seen: _Seen, *, is_last: bool) -> dict[str, Any] | None:
    """Write it down; None where another look did since this one began."""
    told = _told(seen)

    def write(session: Session) -> None:
        id_ = kept.add_look(
            session,
            seen.arrived,
            window_start=seen.window_start,
            began_at=seen.began_at,
            after_id=seen.after_id,
        )
        if id_ is None:
            raise _Overtaken

    try:
        ledger.record(ledger.End(action=_ACTION, told=told, result=told, is_last=is_last), write)
    except _Overtaken:
        # A commit whose answer was lost has ended the request already.
        return told if is_last and ledger.has_ended() else None
    except ClaimLost:
        if is_last and ledger.has_ended():
            return told
        raise
    return told


class _Overtaken(ProdOpsError):
    """Another look was written down since this one began."""


def _told(seen: _Seen) -> dict[str, Any]:
    campaigns = {
        campaign: {
            "files": told["files"],
            "datasets": len(told["datasets"]),
            "is_known": told["is_known"],
        }
        for campaign, told in seen.arrived.by_campaign.items()
    }
    return {
        "window_start": seen.window_start.isoformat(),
        "swept_at": seen.began_at.isoformat(),
        "files": seen.arrived.files,
        "by_campaign": campaigns,
        "unknown_campaigns": list(seen.arrived.unknown_campaigns),
    }


@step("announce the failure")
def _announce_failure(error: str, *, is_last: bool) -> None:
    ledger.record(ledger.End(action=_ACTION, told={}, error=error, is_last=is_last))
