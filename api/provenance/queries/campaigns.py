"""Campaigns as provenance sees them: which there are, how the last sweep ended, what it counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from api.pcs.models import Campaign, Lifecycle
from blocks.errors import NotFound, ProdOpsError
from flows.common.database import now
from flows.common.models import OPEN, Request
from flows.common.settings import Settings
from flows.provenance.models import EVGEN, CampaignSweep, DetectedRelease, SweepState

PRODUCING: Final = (Lifecycle.CURRENT, Lifecycle.LAST, Lifecycle.PRODUCING)
"""Lifecycles whose campaigns are swept every night."""
_MOST_NAMED: Final = 20


class CampaignNotFound(NotFound):
    """Neither PCS nor Rucio, as last seen, knows a campaign of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.known = list(known)
        named = ", ".join(self.known[:_MOST_NAMED]) or "none"
        super().__init__(f"No campaign '{name[:100]}'; known are: {named}")


class NoCurrentCampaign(ProdOpsError):
    """PCS has no campaign that is current, or none that is swept every night."""

    def __init__(self) -> None:
        super().__init__("No current Campaign defined in PCS.")


@dataclass(frozen=True)
class Standing:
    """How a campaign stands.

    Attributes:
        lifecycle: As PCS has it; None where the embedded PCS does not know the campaign.
        sweep: The last sweep of it; None where there was none.
        request: The sweep that is under way or waits.
        stale_before: What was swept before is older than it should be.
    """

    name: str
    lifecycle: str | None
    sweep: CampaignSweep | None
    request: Request | None
    stale_before: datetime

    @property
    def word(self) -> str:
        """`never`, `failed`, `stale` or `ok`."""
        if self.sweep is None:
            return "never"
        if self.sweep.state == SweepState.FAILED:
            return "failed"
        checked_at = self.sweep.checked_at
        return "stale" if checked_at is None or checked_at < self.stale_before else "ok"

    @property
    def is_evgen(self) -> bool:
        """Whether it stands for the registered inputs."""
        return self.name == EVGEN


def known(session: Session) -> list[str]:
    """Names of all campaigns: of PCS, and of those that were swept; newest name first."""
    names = set(session.scalars(select(Campaign.name)))
    names |= set(session.scalars(select(CampaignSweep.campaign)))
    return sorted(names, reverse=True)


def stale_before(settings: Settings) -> datetime:
    """The time before which a sweep is stale."""
    return now() - timedelta(hours=settings.provenance.stale_hours)


def standings(session: Session, *, stale_before: datetime) -> list[Standing]:
    """Every campaign; newest name first."""
    sweeps = {each.campaign: each for each in session.scalars(select(CampaignSweep))}
    named = session.execute(select(Campaign.name, Campaign.lifecycle))
    lifecycles = {name: str(lifecycle) for name, lifecycle in named}
    open_ones = _open_sweeps(session)
    return [
        Standing(name, lifecycles.get(name), sweeps.get(name), open_ones.get(name), stale_before)
        for name in sorted(sweeps.keys() | lifecycles.keys(), reverse=True)
    ]


def standing(session: Session, name: str, *, stale_before: datetime) -> Standing:
    """One campaign.

    Raises:
        CampaignNotFound: Nobody knows it.
    """
    require(session, name)
    sweep = session.get(CampaignSweep, name)
    lifecycle = session.scalar(select(Campaign.lifecycle).where(Campaign.name == name))
    return Standing(name, lifecycle, sweep, _open_sweeps(session).get(name), stale_before)


def require(session: Session, name: str) -> None:
    """Make sure that somebody knows the campaign: PCS, a sweep, or a release at Rucio.

    A family counts where an edition of it is known (26.07 of 26.07.1).

    Raises:
        CampaignNotFound: Nobody does.
    """
    if name == EVGEN:
        return
    for column in (Campaign.name, CampaignSweep.campaign, DetectedRelease.version):
        is_edition = column.startswith(f"{name}.", autoescape=True)
        if session.scalar(select(func.count()).where(or_(column == name, is_edition))):
            return
    raise CampaignNotFound(name, known(session))


def shown_by_itself(session: Session) -> str | None:
    """The campaign to show where none is named: the current one, else the last that was swept."""
    current = session.scalar(select(Campaign.name).where(Campaign.lifecycle == Lifecycle.CURRENT))
    if current is not None:
        return current
    swept = select(CampaignSweep.campaign).where(CampaignSweep.campaign != EVGEN)
    latest = session.scalar(swept.order_by(CampaignSweep.attempted_at.desc()).limit(1))
    return latest or next(iter(known(session)), None)


def _open_sweeps(session: Session) -> dict[str, Request]:
    """The sweeps that are under way or wait, by campaign."""
    asked = open_requests(session, "campaign_provenance_sweep", "evgen_rucio_update")
    return {EVGEN if each.subject is None else each.subject: each for each in asked}


def open_requests(session: Session, *actions: str, subject: str | None = None) -> Sequence[Request]:
    """The requests for some actions, or about one subject, that have not ended, oldest first."""
    query = select(Request).where(Request.action.in_(actions), Request.state.in_(OPEN))
    if subject is not None:
        query = query.where(Request.subject == subject)
    return session.scalars(query.order_by(Request.id)).all()
