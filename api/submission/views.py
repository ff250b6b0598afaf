"""What the routes of the task pages answer, as JSON; and the steps of a submission in words."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from api.submission.domain import Operation, Phase
from flows.submission.models import Step

STEPS: Final[dict[str, str]] = {
    Step.CLAIM: "Claim the attempt",
    Step.COMMAND: "Fetch the prun command from PCS",
    Step.TOKEN: "Check the token for PanDA",
    Step.SANDBOX: "Make an empty sandbox",
    Step.SEND: "Send it with prun",
    Step.CLASSIFY: "Read what prun said",
    Step.RECONCILE: "Find out what PanDA has",
    Step.CONFIRM: "Confirm that one task bears the name",
    Step.RECORD: "Record the id at PCS",
    Step.CLOSE: "Announce the outcome",
}
"""The steps of a submission in their order, as pages list them."""


class Planned(BaseModel):
    """A task of a plan: what names it, and why the operation would be refused."""

    id: int
    name: str
    label: str
    reference: str
    reasons: list[str]


class Plan(BaseModel):
    """What an operation on many tasks would do, and what not."""

    operation: Operation
    will: list[Planned]
    wont: list[Planned]
    caller: str
    may_write: bool


class State(BaseModel):
    """How the submission of a task stands."""

    id: int
    name: str
    status: str
    phase: Phase
    step: str
    reason: str
    jedi_task_id: int | None
    request_id: int | None
