"""What may be requested of payload logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from sqlalchemy.orm import Session

from blocks import did_names
from flows.common.actions import Action, Nothing, OnLost
from flows.common.callers import Scope
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.common.settings import settings
from flows.payload_logs import messages, repository

_MAX_ID = 2**63 - 1


def _scope(value: str) -> str:
    try:
        return did_names.check_scope(value)
    except did_names.BadDidName as error:
        raise ValueError(str(error)) from None


def _lfn(value: str) -> str:
    try:
        return did_names.check_name(value, has_slash=value.startswith("/"))
    except did_names.BadDidName as error:
        raise ValueError(str(error)) from None


def _unset(value: Any) -> Any:
    """Peers send ids as text, and nothing as empty text."""
    return None if value == "" else value


RucioScope = Annotated[str, AfterValidator(_scope)]
Lfn = Annotated[str, AfterValidator(_lfn)]
OptionalId = Annotated[int | None, BeforeValidator(_unset)]


class FetchPayloadLog(BaseModel):
    """Which job's log to fetch; PanDA says which file that is, the caller only while it cannot."""

    model_config = ConfigDict(extra="forbid")

    pandaid: int = Field(ge=1, le=_MAX_ID, title="PanDA id", description="Id of the job at PanDA.")
    jeditaskid: OptionalId = Field(
        None,
        ge=1,
        le=_MAX_ID,
        title="JEDI task id",
        description="Id of the job's task at PanDA, for when PanDA cannot be asked.",
    )
    scope: Annotated[RucioScope | None, BeforeValidator(_unset)] = Field(
        None,
        title="Rucio scope",
        description="Rucio scope of the log, for when PanDA cannot be asked.",
        examples=["panda"],
    )
    lfn: Annotated[Lfn | None, BeforeValidator(_unset)] = Field(
        None,
        title="LFN",
        description="Name of the log in Rucio, for when PanDA cannot be asked.",
    )
    force: bool = Field(False, description="Look it up and fetch it again, even if it is cached.")


def _fetch_ended(session: Session, request: Request) -> Sequence[NewEvent]:
    """The flow announces its own ends; here are those of lost ones."""
    if request.state not in {RequestState.CANCELLED, RequestState.FAILED}:
        return ()
    return (messages.given_up(request, repository.give_up(session, request)),)


FETCH_PAYLOAD_LOG = Action(
    name="fetch_payload_log",
    summary="Fetch the log of a PanDA job from storage, check it, and publish its members.",
    verb="fetch log",
    guidance="A job's page asks for it when somebody opens it. By hand, with `force`, where "
    "fetches failed so often that none is tried any more, or the log at PanDA is "
    "another one now.",
    pages=lambda form, _result: (("payload log", f"/panda/jobs/{form.pandaid}/log/"),),
    parameters=FetchPayloadLog,
    dedup_key=lambda parameters: f"fetch:{parameters.pandaid}",
    subject=lambda parameters: str(parameters.pandaid),
    timeout_seconds=900,
    on_lost=OnLost.RERUN,
    at_a_time=lambda: settings().payload_logs.limit,
    scope=Scope.REQUEST,
    a_minute=lambda: settings().payload_logs.fetches_a_minute,
    is_look=True,
    ended=_fetch_ended,
    refused=lambda form, reason: (messages.failed(form.pandaid, form.jeditaskid, reason, 0, None),),
)

PRUNE_PAYLOAD_LOGS = Action(
    name="prune_payload_logs",
    summary="Delete expired payload logs from the cache, and the oldest while it is too large.",
    verb="prune payload logs",
    guidance="It runs every night. By hand where the cache's disk is full.",
    parameters=Nothing,
    dedup_key=lambda _: "all",
    subject=lambda _: None,
    timeout_seconds=1800,
    schedule="50 3 * * *",
    runs_at_a_time=1,
    on_lost=OnLost.RERUN,
    is_background=True,
)

ACTIONS = (FETCH_PAYLOAD_LOG, PRUNE_PAYLOAD_LOGS)
