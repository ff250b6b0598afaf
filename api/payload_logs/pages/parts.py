"""What the two addresses of a payload log share: what is asked of them, and the steps in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from fastapi import Request

from api.payload_logs.queries import NotItsRequest, Standing, number_of
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
_YES: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True)
class Asked:
    """What an address asks for.

    Attributes:
        force: The log is to be fetched anew.
        request_id: The request whose outcome is wanted; then nothing is asked for.
    """

    force: bool = False
    request_id: int | None = None

    @classmethod
    def of(cls, request: Request) -> Self:
        """What the query says.

        Raises:
            NotItsRequest: `request` is no id.
        """
        query = request.query_params
        force = query.get("force", "").strip().lower() in _YES
        text = query.get("request", "").strip()
        if not text:
            return cls(force)
        request_id = number_of(text)
        if request_id is None:
            raise NotItsRequest(f"request {text[:100]}: a request is named by a whole number")
        return cls(force, request_id)


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
