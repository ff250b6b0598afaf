"""What is asked of the ops side: the gates that the web tier can judge, and the request."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.pcs.models import Campaign
from api.provenance.queries import campaigns
from flows.common import actions, requests
from flows.common.callers import Caller
from flows.common.requests import Accepted
from flows.common.settings import Settings
from flows.provenance.models import EVGEN


def sweep(session: Session, name: str, *, by: Caller, source: str, settings: Settings) -> Accepted:
    """Ask for the sweep of a campaign, or of the registered inputs where it is `EVGEN`.

    Raises:
        CampaignNotFound: Nobody knows the campaign; an external PCS may know more than we do.
    """
    if name == EVGEN:
        return _accept(session, "evgen_rucio_update", {}, by=by, source=source)
    form = {"campaign": name}
    actions.get("campaign_provenance_sweep").parse(form)  # a bad name is refused before an unknown
    if settings.pcs.url is None:
        campaigns.require(session, name)
    return _accept(session, "campaign_provenance_sweep", form, by=by, source=source)


def snapshot(session: Session, *, by: Caller, source: str, settings: Settings) -> Accepted:
    """Ask for the sweep of every producing campaign (ops contract section 1.8).

    Raises:
        NoCurrentCampaign: PCS has none.
    """
    producing = select(func.count()).where(Campaign.lifecycle.in_(campaigns.PRODUCING))
    if settings.pcs.url is None and not session.scalar(producing):
        raise campaigns.NoCurrentCampaign
    return _accept(session, "rucio_snapshot_update", {}, by=by, source=source)


def evgen(session: Session, *, by: Caller, source: str) -> Accepted:
    """Ask for the sweep of the registered inputs."""
    return _accept(session, "evgen_rucio_update", {}, by=by, source=source)


def report(
    session: Session, name: str | None, *, by: Caller, source: str, settings: Settings, mail: bool
) -> Accepted:
    """Ask for a completion report of a campaign; of the current one where none is named.

    Raises:
        CampaignNotFound: Nobody knows the campaign.
        NoCurrentCampaign: None is named and PCS has no current one.
    """
    form = {"campaign": name, "mail": mail}
    actions.get("report_completion").parse(form)
    if settings.pcs.url is None:
        if name is not None:
            campaigns.require(session, name)
        elif campaigns.shown_by_itself(session) is None:
            raise campaigns.NoCurrentCampaign
    return _accept(session, "report_completion", form, by=by, source=source)


def read_did(session: Session, scope: str, name: str, *, by: Caller, source: str) -> Accepted:
    """Ask Rucio what it has of a DID now."""
    return _accept(session, "read_did", {"scope": scope, "name": name}, by=by, source=source)


def _accept(
    session: Session, action: str, parameters: dict[str, Any], *, by: Caller, source: str
) -> Accepted:
    wanted = actions.get(action)
    form = wanted.parse(parameters)
    return requests.accept(session, wanted, form, caller=by, source=source)
