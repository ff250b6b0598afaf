"""The sweep of one campaign: read whole, then written whole, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from blocks.errors import NotFound, ProdOpsError
from flows.common import outages, run
from flows.common.actions import Action
from flows.provenance.actions import SWEEP_CAMPAIGN
from flows.provenance.domain import names
from flows.provenance.domain.figures import counts
from flows.provenance.domain.join import Joined, Requested, join
from flows.provenance.repository import staging, sweeps
from flows.provenance.repository.sweeps import Swept
from flows.provenance.tasks import rucio
from flows.provenance.tasks.common import Progress, conclude, task
from flows.provenance.tasks.rucio import Produced

_MOST_NAMED: Final = 20


class UnknownCampaign(NotFound):
    """Neither PCS nor Rucio knows the campaign."""

    def __init__(self, campaign: str, known: Sequence[str]) -> None:
        shown = ", ".join(known[:_MOST_NAMED]) or "none"
        super().__init__(
            f"no campaign {campaign!r}: PCS does not know it, and Rucio has nothing of it; "
            f"PCS knows: {shown}"
        )


class SweepFailed(ProdOpsError):
    """A campaign could not be swept; that is recorded and announced."""


@task("sweep Rucio")
def sweep_rucio(campaign: str, requested: Sequence[Requested], known: Sequence[str]) -> Swept:
    """Read all of a campaign from Rucio, and make its rows what was found.

    Args:
        campaign: Its name.
        requested: What PCS asks for, whatever campaign it is of; each path once.
        known: The campaigns that PCS knows.

    Raises:
        UnknownCampaign: There is no such campaign.
        ProdOpsError: Rucio or the database did not answer, or not whole. Nothing was changed.
    """
    present = run.current()
    patience = present.settings.provenance.timeout_seconds
    progress = Progress(SWEEP_CAMPAIGN, campaign, campaign=campaign)
    began = time.monotonic()
    with staging.sweep_connection(
        present.engine, campaign, patience_seconds=patience
    ) as connection:
        produced = rucio.read_campaign(connection, campaign, requested, progress)
        if not produced.datasets and not any(names.are_related(campaign, each) for each in known):
            raise UnknownCampaign(campaign, known)
        joined = join(requested, produced.names, produced.file_names)
        swept = assess(campaign, requested, produced, joined)
        progress.announce("writing what was found", is_due=True)
        seconds = time.monotonic() - began
        write(connection, SWEEP_CAMPAIGN, swept, seconds, subject=campaign, campaign=campaign)
    return swept


def assess(
    campaign: str,
    requested: Sequence[Requested],
    produced: Produced,
    joined: Joined,
    *,
    stage: str = names.RECO,
) -> Swept:
    """What was found of what was requested; complete is what is so at the stage."""
    return Swept(
        campaign=campaign,
        scope=run.current().settings.provenance.scope,
        checked_at=produced.began_at,
        datasets=produced.datasets,
        requested=requested,
        joined=joined,
        counts=counts(joined, produced.datasets, stage=stage),
    )


def write(
    connection: Connection,
    action: Action,
    swept: Swept,
    seconds: float,
    *,
    subject: str | None = None,
    **about: Any,
) -> dict[str, Any]:
    """Make the rows what was found, and conclude the action; gives its result.

    Args:
        connection: That of the sweep, with the staged files and without a transaction.
        action: That of the sweep.
        swept: What was found.
        seconds: What reading it took.
        subject: Of the event.
        about: What event and result say besides.
    """
    request_id = run.current().claim.request_id
    summary = {**swept.counts, "seconds": round(seconds, 2)}
    result = {**about, **summary}
    conclude(
        action,
        {**about, "summary": summary},
        subject=subject,
        result=result,
        write=lambda session: sweeps.replace(
            session, swept, request_id=request_id, seconds=seconds
        ),
        connection=connection,
    )
    return result


@task("record the failure")
def record_failure(
    campaign: str, error: ProdOpsError, attempted_at: datetime, requested: Sequence[Requested] = ()
) -> None:
    """Record and announce that a sweep failed; what it would have replaced stays.

    A name that nobody knows gets no row.
    """
    write = noting_failure(campaign, error, attempted_at, requested)
    about = {"campaign": campaign}
    outage = outages.result_of(is_outage=outages.is_outage(error))
    conclude(SWEEP_CAMPAIGN, about, subject=campaign, error=str(error), result=outage, write=write)


def noting_failure(
    campaign: str, error: ProdOpsError, attempted_at: datetime, requested: Sequence[Requested]
) -> Callable[[Session], None]:
    """What notes at a campaign's rows that its sweep failed; an unknown campaign gets none."""

    def write(session: Session) -> None:
        if not isinstance(error, UnknownCampaign):
            sweeps.note_failure(
                session,
                campaign,
                str(error),
                attempted_at=attempted_at,
                request_id=run.current().claim.request_id,
                requested=requested,
            )

    return write
