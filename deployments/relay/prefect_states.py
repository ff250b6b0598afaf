"""States of flow runs as Prefect's events and its REST tell of them. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any, Final

from deployments.relay.messages import RunState

PREFIX: Final = "prefect.flow-run."
_REQUEST_TAG: Final = re.compile(r"prefect\.tag\.request:(\d{1,18})")


def state_of_event(event: Any) -> RunState | None:
    """The state that an event announces, whose id is the event's; None where it announces none."""
    resource = event.resource
    state_type = resource.get("prefect.state-type")
    run = str(resource.get("prefect.resource.id", "")).removeprefix(PREFIX)
    if not state_type or event.event == f"{PREFIX}heartbeat":
        return None
    return RunState(
        state_id=event.id,
        flow_run_id=uuid.UUID(run),
        state_type=state_type,
        state_name=resource.get("prefect.state-name", ""),
        timestamp=event.occurred,
        previous_id=event.follows,
        is_first=event.payload.get("initial_state", event) is None,
        tagged_request_id=_tagged_request_id(event.related),
    )


def state_of_rest(flow_run_id: uuid.UUID, state: Any) -> RunState:
    """A state out of a run's history."""
    return RunState(
        state_id=state.id,
        flow_run_id=flow_run_id,
        state_type=state.type.value,
        state_name=state.name or "",
        timestamp=state.timestamp,
    )


def _tagged_request_id(related: Iterable[Any]) -> int | None:
    """The request that the run is tagged with; None where it is with none, or with several."""
    tags = (_REQUEST_TAG.fullmatch(str(each.get("prefect.resource.id", ""))) for each in related)
    named = {int(tag[1]) for tag in tags if tag}
    return named.pop() if len(named) == 1 else None
