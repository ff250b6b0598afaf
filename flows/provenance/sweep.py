"""The sweep of one campaign: read whole, then written whole, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.pcs_service import Survey
from flows.provenance import ledger, reading, repository, staging
from flows.provenance.domain import names
from flows.provenance.domain.figures import counts
from flows.provenance.domain.join import Requested, join
from flows.provenance.ledger import End, Progress
from flows.provenance.reading import Deadline, Produced
from flows.provenance.repository import Swept
from flows.provenance.workplace import workplace

ACTION: Final = "campaign_provenance_sweep"
_MOST_NAMED: Final = 20


class UnknownCampaign(ProdOpsError):
    """Neither PCS nor Rucio knows the campaign."""

    def __init__(self, campaign: str, known: Sequence[str]) -> None:
        self.campaign = campaign
        self.known = tuple(known)
        shown = ", ".join(known[:_MOST_NAMED]) or "none"
        super().__init__(
            f"no campaign {campaign!r}: PCS does not know it, and Rucio has nothing of it; "
            f"PCS knows: {shown}"
        )


class SweepFailed(ProdOpsError):
    """A campaign could not be swept; that is recorded and announced."""

    def __init__(self, campaign: str, reason: str) -> None:
        self.campaign = campaign
        self.reason = reason
        super().__init__(f"{campaign}: {reason}")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to sweep.

    Attributes:
        known: the campaigns that PCS knows.
        requested: what PCS asks for, each path once.
        is_last: whether the run's request ends with it.
    """

    campaign: str
    known: Sequence[str]
    requested: Sequence[Requested]
    is_last: bool = True


def survey() -> Survey:
    """What PCS knows of campaigns and inputs."""
    return workplace().pcs.catalogue.survey()


def order(campaign: str, survey: Survey, *, is_last: bool = True) -> Order:
    """The sweep of a campaign against all that is requested, whatever campaign it is of."""
    root = workplace().settings.provenance.evgen_root
    return Order(
        campaign=campaign,
        known=[each.name for each in survey.campaigns],
        requested=reading.requested(survey.requested, root),
        is_last=is_last,
    )


def sweep(order: Order) -> Swept:
    """Read all of a campaign from Rucio, and make its rows what was found.

    Raises:
        UnknownCampaign: There is no such campaign.
        ProdOpsError: Rucio or the database did not answer, or not whole. Nothing was changed.
    """
    place = workplace()
    configured = place.settings.provenance
    progress = Progress(ACTION, order.campaign, campaign=order.campaign)
    began = time.monotonic()
    with staging.swept(
        place.engine, order.campaign, patience_seconds=configured.timeout_seconds
    ) as connection:
        produced = reading.read_campaign(
            connection,
            place.catalog,
            order.requested,
            scope=configured.scope,
            campaign=order.campaign,
            stages=configured.stages,
            deadline=Deadline(configured.timeout_seconds),
            tell=progress.tell,
        )
        _require_known(order, produced)
        swept = assess(order.campaign, configured.scope, produced, order.requested)
        progress.tell("writing what was found", is_due=True)
        seconds = time.monotonic() - began
        end = _end(order, swept, seconds)
        ledger.record(end, _writer(swept, seconds), connection=connection)
    return swept


def assess(campaign: str, scope: str, produced: Produced, requested: Sequence[Requested]) -> Swept:
    """What was found of what was requested."""
    joined = join(requested, produced.names, produced.file_names)
    return Swept(
        campaign=campaign,
        scope=scope,
        checked_at=produced.began_at,
        datasets=produced.datasets,
        requested=requested,
        joined=joined,
        counts=counts(joined, produced.datasets),
    )


def note_failure(
    campaign: str,
    error: ProdOpsError,
    *,
    attempted_at: datetime,
    requested: Sequence[Requested] = (),
    is_last: bool = True,
) -> None:
    """Record and announce that a sweep failed; what it would have replaced stays.

    A name that nobody knows gets no row.
    """
    end = End(
        action=ACTION,
        told={"campaign": campaign},
        subject=campaign,
        error=str(error),
        is_last=is_last,
    )

    def write(session: Session) -> None:
        repository.note_failure(
            session,
            campaign,
            str(error),
            attempted_at=attempted_at,
            request_id=workplace().holder.request_id,
            requested=requested,
        )

    ledger.record(end, ledger.nothing if isinstance(error, UnknownCampaign) else write)


def _require_known(order: Order, produced: Produced) -> None:
    is_known = any(names.are_related(order.campaign, each) for each in order.known)
    if not produced.datasets and not is_known:
        raise UnknownCampaign(order.campaign, order.known)


def _writer(swept: Swept, seconds: float) -> Callable[[Session], None]:
    def write(session: Session) -> None:
        request_id = workplace().holder.request_id
        repository.replace(session, swept, request_id=request_id, seconds=seconds)

    return write


def _end(order: Order, swept: Swept, seconds: float) -> End:
    summary = {**swept.counts, "seconds": round(seconds, 2)}
    return End(
        action=ACTION,
        told={"campaign": order.campaign, "summary": summary},
        subject=order.campaign,
        result={"campaign": order.campaign, **summary},
        is_last=order.is_last,
    )
