"""What the two addresses of a payload log share: the steps of its fetch, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.payload_logs.queries import Standing
from flows.payload_logs.models import Step

STEPS: Final[dict[Step, str]] = {
    Step.LOOK_UP: "Find out at PanDA which log it is",
    Step.RESOLVE: "Find its replicas in Rucio",
    Step.COPY: "Copy it from storage",
    Step.VERIFY: "Check its size and checksum",
    Step.UNPACK: "Unpack the log files",
    Step.PUBLISH: "Put them where they can be read",
}
"""The steps of a fetch in their order, as pages list them."""


@dataclass(frozen=True)
class StepNow:
    """Where a fetch is.

    Attributes:
        name: The step; empty before the first.
        number: Its position, from 1; 0 before the first.
        text: What the ops side says of it.
    """

    name: str = ""
    number: int = 0
    text: str = "waiting for the ops side"


def step_of(standing: Standing) -> StepNow:
    """Where the fetch is that the standing waits for."""
    row, request = standing.row, standing.request
    if row is None or request is None or row.request_id != request.id or row.step not in set(Step):
        return StepNow()
    step = Step(row.step)
    return StepNow(step.value, step.number, row.step_text or STEPS[step])
