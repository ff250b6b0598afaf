"""What may be requested of provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from blocks import did_names
from flows.common.actions import Action, Nothing, OnLost
from flows.common.callers import Caller, Scope
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.common.settings import settings
from flows.provenance import messages

_ENDED_BADLY = {RequestState.CANCELLED, RequestState.FAILED}


def _checked(check: Callable[[str], str]) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return check(value)
        except did_names.BadDidName as error:
            raise ValueError(str(error)) from None

    return AfterValidator(validate)


CampaignName = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$")
]
RucioScope = Annotated[str, _checked(did_names.check_scope)]
DidName = Annotated[str, _checked(did_names.check_name)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UpdateSnapshot(_Form):
    """Every campaign that is current, last or producing."""


class SweepCampaign(_Form):
    """Which campaign to sweep."""

    campaign: CampaignName = Field(
        description="Name of the campaign, e.g. 26.05.0.", examples=["26.05.0"]
    )


class UpdateEvgen(_Form):
    """All of /EVGEN."""


class RegisterEvgen(_Form):
    """Which requested inputs to register at Rucio from what the storage holds."""

    paths: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        default_factory=list,
        max_length=1000,
        description="Requested paths; none: all that are not registered.",
        examples=[["/EVGEN/DIS/NC/10x100"]],
    )
    dry_run: bool = Field(True, description="Only report what would be registered.")


class ReportCompletion(_Form):
    """Which campaign to report on."""

    campaign: CampaignName | None = Field(
        None, description="Name of the campaign; unset: the current one.", examples=["26.05.0"]
    )
    mail: bool = Field(True, description="Mail the report, if a notification block is set.")


class ReadDid(_Form):
    """Which dataset or file to read from Rucio now."""

    scope: RucioScope = Field(description="Rucio scope of the DID.", examples=["epic"])
    name: DidName = Field(
        description="Name of the dataset, container or file in Rucio.",
        examples=["/RECO/26.05.0/epic_craterlake/DIS/NC/10x100"],
    )


def _lost(_session: Session, request: Request) -> Sequence[NewEvent]:
    """The flows announce their own ends; here are those of runs that were lost or cancelled."""
    return messages.lost(request) if request.state in _ENDED_BADLY else ()


def _refused(name: str, form: BaseModel, reason: str) -> Sequence[NewEvent]:
    if name not in messages.ENDINGS:
        return ()
    about = form.model_dump(mode="json", include={"campaign", "scope", "name"})
    return (messages.ended(name, None, None, **about, ok=False, error=reason),)


def _action(
    name: str,
    summary: str,
    form: type[BaseModel],
    *,
    about: Callable[[Any], str] | None = None,
    timeout_seconds: float = 3600.0,
    **more: Any,
) -> Action:
    """An action of which one request is open for each thing that it is about."""
    return Action(
        name=name,
        summary=summary,
        parameters=form,
        timeout_seconds=timeout_seconds,
        on_lost=OnLost.RERUN,
        ended=_lost,
        refused=partial(_refused, name),
        dedup_key=about or (lambda _: "all"),
        subject=about if about is not None else lambda _: None,
        **more,
    )


def _campaign_of(parameters: Any) -> str:
    return parameters.campaign or "current"


def _catalog_of(form: Any, _result: object) -> Sequence[tuple[str, str]]:
    chosen = f"?campaign={quote(form.campaign)}" if form.campaign else ""
    return (("catalog", f"/pcs/catalog/{chosen}"),)


def _report_of(form: Any, result: dict[str, Any]) -> Sequence[tuple[str, str]]:
    report = [("report", f"/pcs/reports/{result['report_id']}/")] if "report_id" in result else []
    return (*report, *_catalog_of(form, result))


def _counts_table(result: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """A row for each number of a campaign."""
    numbers = result.get("counts", result)
    return [
        {"campaign": result["campaign"], "what": name, "number": value}
        for name, value in numbers.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]


def _campaigns_table(result: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """A row for each campaign of a snapshot, or of a night's."""
    campaigns = result.get("campaigns") or result.get("rucio_snapshot_update") or {}
    return [{"campaign": name, **counts} for name, counts in campaigns.items()]


def _did_of(parameters: Any) -> str:
    return f"{parameters.scope}:{parameters.name}"


def _mails_for_all(_session: Session, parameters: ReportCompletion, caller: Caller) -> None:
    """A report that is mailed goes to many."""
    if parameters.mail:
        caller.require(Scope.OPERATE, "Mailing a report")


UPDATE_SNAPSHOT = _action(
    "rucio_snapshot_update",
    "Sweep every producing campaign in Rucio, and write the snapshot files.",
    UpdateSnapshot,
    is_background=True,
    verb="update snapshot",
    guidance="Part of the nightly sweep. By hand when the snapshot's files are to be made "
    "anew now; for one campaign, sweep that campaign instead.",
    pages=lambda _form, _result: (("catalog", "/pcs/catalog/"),),
    table=_campaigns_table,
)

SWEEP_CAMPAIGN = _action(
    "campaign_provenance_sweep",
    "Compare one campaign's requested paths with its datasets in Rucio.",
    SweepCampaign,
    about=_campaign_of,
    scope=Scope.REQUEST,
    is_background=True,
    verb="sweep",
    guidance="When a campaign's numbers are wanted newer than the last night's. A name that "
    "neither PCS nor Rucio knows ends as NotFound and changes nothing.",
    pages=_catalog_of,
    table=_counts_table,
    campaign=lambda form: form.campaign,
)

SWEEP_PRODUCING = _action(
    "sweep_producing_campaigns",
    "Sweep the producing campaigns, their inputs and their arrivals, one after another.",
    Nothing,
    schedule="47 2 * * *",
    runs_at_a_time=1,
    is_background=True,
    verb="sweep producing campaigns",
    guidance="It runs every night. By hand after a night that failed; it takes minutes, and "
    "reads all of Rucio.",
    pages=lambda _form, _result: (("catalog", "/pcs/catalog/"),),
    table=_campaigns_table,
)

SWEEP_ARRIVALS = _action(
    "sweep_arrivals",
    "Count the files that are new in Rucio since the last arrivals sweep, by campaign.",
    UpdateSnapshot,
    is_background=True,
    verb="sweep arrivals",
    guidance="Part of the nightly sweep. By hand when the arrivals are wanted up to now.",
)

UPDATE_EVGEN = _action(
    "evgen_rucio_update",
    "Find which requested inputs are registered in Rucio, and write the snapshot of /EVGEN.",
    UpdateEvgen,
    scope=Scope.REQUEST,
    is_background=True,
    verb="update EVGEN",
    guidance="Part of the nightly sweep. By hand after inputs were registered by somebody else.",
)

REGISTER_EVGEN = _action(
    "register_evgen",
    "Register requested inputs that are on the storage but not in Rucio.",
    RegisterEvgen,
    is_background=True,
    verb=lambda form: "plan EVGEN registration" if form.dry_run else "register EVGEN",
    guidance="First as a dry run, which writes nothing and says what would be registered. "
    "Then without it, for the same paths.",
)

REPORT_COMPLETION = _action(
    "report_completion",
    "Report how complete a campaign is, store the report, and mail it.",
    ReportCompletion,
    schedule="0 6 1 * *",
    about=_campaign_of,
    scope=Scope.REQUEST,
    gate=_mails_for_all,
    verb="report on",
    guidance="It runs on the first of a month for the current campaign. By hand for another "
    "one, or without `mail` to read the report on its page only. The campaign must "
    "have been swept.",
    campaign=lambda form: form.campaign,
    pages=_report_of,
    table=_counts_table,
)

READ_DID = _action(
    "read_did",
    "Read a dataset or file from Rucio now: metadata, files, replicas, rules.",
    ReadDid,
    timeout_seconds=120.0,
    about=_did_of,
    scope=Scope.REQUEST,
    at_a_time=lambda: settings().provenance.read_limit,
    a_minute=lambda: settings().provenance.reads_a_minute,
    is_look=True,
    verb="read",
    guidance="A dataset's page asks for it when somebody opens it. For one dataset or file; "
    "to compare a whole campaign, sweep it.",
    pages=lambda form, _result: (("dataset", f"/pcs/did/{quote(form.scope)}/{quote(form.name)}"),),
)

ACTIONS = (
    UPDATE_SNAPSHOT,
    SWEEP_CAMPAIGN,
    SWEEP_PRODUCING,
    SWEEP_ARRIVALS,
    UPDATE_EVGEN,
    REGISTER_EVGEN,
    REPORT_COMPLETION,
    READ_DID,
)
