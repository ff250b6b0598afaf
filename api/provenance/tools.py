"""Provenance, for assistants: where a dataset or a path stands, a campaign's status, its sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, Field

from api.http.tools.arguments import Name, Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.provenance import services, views
from api.provenance.queries import activity, campaigns, counts, dids, requested
from api.provenance.queries.campaigns import NoCurrentCampaign
from api.provenance.queries.dids import Did, Knowledge
from api.provenance.schemas import CountsView, DidView, ProducedView, StandingView
from api.requests.started import SOURCE, Started, standing_of, started
from flows.common.callers import Scope
from flows.common.database import now

toolbox = Toolbox(advice={NoCurrentCampaign: "Name the campaign, by the argument campaign."})

CampaignName = Annotated[Name, Field(description="Empty: the current one.")]
_MOST_PATHS: Final = 50
_DID_ADVICE: Final = {
    Knowledge.KNOWN: "Give the link; what stands here is as old as its checked_at says.",
    Knowledge.ABSENT: "Rucio has none of that name, and no sweep has seen it.",
    Knowledge.UNANSWERED: "Rucio did not answer: it may be there or not. Open its page later.",
    Knowledge.ASKED: "Nobody has looked yet. Opening its page asks Rucio; or sweep its campaign.",
}


class Provenance(BaseModel):
    """What is known of a DID, or of a requested path.

    Attributes:
        kind: `did` or `path`.
        knowledge: Of a DID, whether it is there: known, absent, unanswered, or asked (not yet).
        did: All of the DID.
        paths: Of a path, how it stands in each campaign that asks for it.
    """

    query: str
    kind: str
    knowledge: Knowledge | None = None
    did: DidView | None = None
    paths: list[requested.PathStanding] = []
    url: str
    next: str


class Window(BaseModel):
    """What happened within the last days."""

    days: float
    since: datetime
    arrived: activity.Arrived
    requests: dict[str, dict[str, int]] = Field(description="By action, by state.")


class CampaignStatus(StandingView):
    """A campaign: what was asked for, what is there and what is missing."""

    counts: CountsView
    tasks: dict[str, int] = Field(description="PCS's tasks by status.")
    missing: list[requested.Missing] = Field(description="The first paths of which nothing is.")
    missing_count: int
    unmatched: list[ProducedView] = Field(description="The first datasets that nobody asked for.")
    unmatched_count: int
    window: Window
    url: str
    next: str


class SweepStarted(Started):
    """The sweep that was asked for."""

    campaign: str
    catalog_url: str


# ------------------------------------------------------------------ reading


@toolbox.tool("data_provenance", "pcs_data_provenance")
def data_provenance(
    call: Call,
    *,
    did_or_path: Annotated[Text, Field(description="scope:/name, a name, or a requested path.")],
) -> Provenance:
    """Where a dataset or file comes from, what was made of it, and where its files are.

    Of a requested path (below .../EVGEN) it says in which campaigns it is produced. It answers
    what the last sweep and the last reading of Rucio found, and how old that is. For all of a
    campaign, use campaign_status.
    """
    asked = requested.Asked.of(did_or_path, scope=call.settings.provenance.scope)
    if asked.did is None:
        return _of_path(call, did_or_path)
    did = Did(*asked.did)
    found = dids.read(call.session, did)
    return Provenance(
        query=did_or_path,
        kind="did",
        knowledge=found.knowledge,
        did=views.did(found),
        url=call.link(f"/pcs/did/?did={quote(str(did), safe=':/')}"),
        next=_DID_ADVICE[found.knowledge],
    )


def _of_path(call: Call, path: str) -> Provenance:
    found = requested.standings_of(call.session, path, most=_MOST_PATHS)
    return Provenance(
        query=path,
        kind="path",
        paths=found,
        url=call.link(f"/pcs/catalog/?q={quote(path, safe='')}"),
        next="missing is only said of a sweep that was whole; unknown is neither found nor missing."
        if found
        else "No task asks for that path; pcs_prodtask_list finds tasks by a part of the name.",
    )


@toolbox.tool("campaign_status", "epicprod_campaign_status")
def campaign_status(
    call: Call,
    *,
    campaign: CampaignName = "",
    window_days: Annotated[float, Field(gt=0, le=366, description="For what is new.")] = 1,
) -> CampaignStatus:
    """How complete a campaign is: counts, what is missing, and what is new in the last days.

    Numbers are those of the last sweep (`checked_at`); where `state` is stale or failed, say so.
    start_provenance_sweep has it looked at anew; one dataset or path, data_provenance explains.
    """
    session = call.session
    name = campaign or campaigns.shown_by_itself(session)
    if name is None:
        raise campaigns.NoCurrentCampaign
    found = campaigns.standing(session, name, stale_before=campaigns.stale_before(call.settings))
    missing_count, missing = requested.missing(session, name, most=_MOST_PATHS)
    unmatched = counts.unmatched(session, name)
    return CampaignStatus(
        **views.standing(found),
        counts=counts.summary(session, name),
        tasks=activity.tasks_by_status(session, name),
        missing=missing,
        missing_count=missing_count,
        unmatched=[ProducedView.model_validate(each) for each in unmatched[:_MOST_PATHS]],
        unmatched_count=len(unmatched),
        window=_window(call, name, window_days),
        url=_catalog(call, name),
        next=_advice(found),
    )


def _window(call: Call, name: str, days: float) -> Window:
    since = now() - timedelta(days=days)
    return Window(
        days=days,
        since=since,
        arrived=activity.arrived(call.session, name, since=since),
        requests=activity.requests_since(call.session, since),
    )


def _advice(found: campaigns.Standing) -> str:
    sweep = f"start_provenance_sweep(campaign='{found.name}') looks anew."
    return {
        "never": f"It was never swept: its paths are unknown, not missing. {sweep}",
        "failed": f"The last sweep failed; what stands is older, at checked_at. {sweep}",
        "stale": f"This is old, at checked_at. {sweep}",
    }.get(found.word, "Give the link; the report of a campaign is made by report_completion.")


# ------------------------------------------------------------------ starting


@toolbox.tool("start_provenance_sweep", scope=Scope.REQUEST, is_idempotent=True, reread=standing_of)
def start_provenance_sweep(call: Call, *, campaign: CampaignName = "") -> SweepStarted:
    """Have a campaign compared with Rucio anew; EVGEN stands for the registered inputs.

    It takes up to some minutes, and an open sweep is joined. Where the last one is recent, use
    campaign_status instead.
    """
    name = campaign or campaigns.shown_by_itself(call.session)
    if name is None:
        raise campaigns.NoCurrentCampaign
    accepted = services.sweep(
        call.session, name, by=call.caller, source=SOURCE, settings=call.settings
    )
    answer: dict[str, Any] = dict(started(call, accepted))
    return SweepStarted(**answer, campaign=name, catalog_url=_catalog(call, name))


def _catalog(call: Call, name: str) -> str:
    return call.link(f"/pcs/catalog/?campaign={quote(name, safe='')}")
