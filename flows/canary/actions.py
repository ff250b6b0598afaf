"""What may be requested of the canary."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from flows.canary import messages
from flows.canary.domain import Leg
from flows.common.actions import Action, OnLost
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.common.settings import settings


class RunCanary(BaseModel):
    """Which legs to walk."""

    model_config = ConfigDict(extra="forbid")

    legs: list[Leg] = Field(
        default_factory=list, max_length=len(Leg), description="Legs to walk; none: all."
    )


def _lost(_session: Session, request: Request) -> Sequence[NewEvent]:
    """The flow announces its own ends; here are those of runs that were lost."""
    return (messages.lost(request),) if request.state == RequestState.FAILED else ()


RUN_CANARY = Action(
    name="run_canary",
    summary="Walk through the whole chain and say of each leg whether it works.",
    verb="walk through",
    guidance="It goes every quarter of an hour. By hand (`prodops canary`) after an upgrade, or "
    "to see whether something is mended. What it sends is removed again; the log that it fetches "
    "and the campaign that it sweeps are made anew.",
    pages=lambda _form, _result: (("system", "/system/"),),
    table=lambda result: result.get("legs", ()),
    parameters=RunCanary,
    dedup_key=lambda form: ",".join(sorted(form.legs)) or "all",
    subject=lambda form: ", ".join(form.legs) or None,
    timeout_seconds=1200,
    schedule="*/15 * * * *",
    is_scheduled=lambda: settings().canary.is_scheduled,
    runs_at_a_time=1,
    on_lost=OnLost.FAIL,
    is_background=True,
    ended=_lost,
)

ACTIONS = (RUN_CANARY,)
