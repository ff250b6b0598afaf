"""What may be requested of messages that were set aside."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from flows.common.actions import Action, OnLost
from flows.common.callers import Caller, Scope
from flows.messages import repository


class Decision(StrEnum):
    """What may be decided of a message that was set aside."""

    RETRY = "retry"
    DROP = "drop"


class SettleMessage(BaseModel):
    """Which message, and what becomes of it."""

    model_config = ConfigDict(extra="forbid")

    message: int = Field(
        ge=1, le=2**63 - 1, description="Number of the message, as the page of the system shows it."
    )
    decision: Decision = Field(description="Take it again, or leave it for good.")


def _can_be_settled(session: Session, form: SettleMessage, _caller: Caller) -> None:
    """The message is still set aside, and may be settled so."""
    repository.require_open(session, form.message, is_retry=form.decision is Decision.RETRY)


SETTLE_MESSAGE = Action(
    name="settle_message",
    summary="Take a message of the bus that was set aside again, or drop it.",
    verb=lambda form: f"{form.decision.value} message",
    guidance="For a message that the bridge set aside because it could not be taken: retry "
    "it once what was wrong is mended, else drop it. The page `/system/` lists them.",
    pages=lambda _form, _result: (("system", "/system/"),),
    parameters=SettleMessage,
    dedup_key=lambda form: f"message:{form.message}",
    subject=lambda form: str(form.message),
    timeout_seconds=60,
    on_lost=OnLost.RERUN,
    scope=Scope.OPERATE,
    gate=_can_be_settled,
)

ACTIONS = (SETTLE_MESSAGE,)
