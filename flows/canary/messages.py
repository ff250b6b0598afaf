"""The events of the canary: each leg as it was walked, and how the walk came out."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from flows.canary.domain import Leg, LegState, Walked
from flows.common.claims import Claim
from flows.common.events import NewEvent, announcement
from flows.common.messages import Announcement, EventPart
from flows.common.models import Request

_LOST = "the canary did not come back: its run was lost"


class WalkedLeg(EventPart):
    """A leg of the walk."""

    leg: Leg = Field(description="Which.")
    state: LegState = Field(description="How it came out.")
    seconds: float = Field(description="How long it took.", examples=[1.25])
    text: str = Field(description="What was found, in words.", examples=["7 TFs were heard of"])


class CanaryLeg(Announcement):
    """The canary has walked a leg."""

    SUBJECT: ClassVar = "`leg`"

    msg_type: Literal["canary_leg"]
    leg: Leg = Field(description="Which.")
    state: LegState = Field(description="How it came out.")
    seconds: float = Field(description="How long it took.", examples=[1.25])
    text: str = Field(description="What was found, in words.", examples=["7 TFs were heard of"])


class CanaryCompleted(Announcement):
    """The canary came back: every leg that it walked works."""

    FEED: ClassVar = "canary.completed"

    msg_type: Literal["canary_completed"]
    seconds: float = Field(description="How long the walk took.", examples=[4.5])
    legs: list[WalkedLeg] = Field(description="Its legs.")


class CanaryFailed(Announcement):
    """The chain is broken somewhere, or a service outside did not answer."""

    FEED: ClassVar = "canary.failed"

    msg_type: Literal["canary_failed"]
    state: Literal["failed", "unknown"] = Field(
        description="`unknown`: a service outside did not answer; the chain itself may be well."
    )
    error: str = Field(
        description="Which legs, and why.", examples=["messages failed: no TF within 60 s"]
    )
    seconds: float = Field(description="How long the walk took.", examples=[61.0])
    legs: list[WalkedLeg] = Field(description="Its legs; none where the run was lost.")


EVENTS = (CanaryLeg, CanaryCompleted, CanaryFailed)


def leg(claim: Claim, walked: Walked) -> NewEvent:
    """`canary_leg`."""
    return announcement(CanaryLeg, claim, walked.leg.value, **walked.row())


def lost(request: Request) -> NewEvent:
    """`canary_failed` of a run that cannot say it itself."""
    claim = Claim(request.id, request.attempts, flow_run_id=request.flow_run_id)
    error = request.error or _LOST
    return announcement(
        CanaryFailed, claim, None, state="failed", error=error, seconds=0.0, legs=[]
    )
