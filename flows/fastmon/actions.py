"""What may be requested of fast monitoring."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from flows.common.actions import Action, OnLost
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.fastmon import messages


class SampleStfs(BaseModel):
    """Which inbox to serve."""

    model_config = ConfigDict(extra="forbid")

    namespace: str = Field("", max_length=100, description="Namespace of the STFs; empty: none.")


def _status_of_end(request: Request) -> Sequence[NewEvent]:
    if request.state is RequestState.COMPLETED:
        return ()
    namespace = str(request.parameters.get("namespace", ""))
    text = f"sampling ended as {request.state}: {request.error or 'no reason was recorded'}"
    return (messages.status_event(namespace, "failed", text, request_id=request.id),)


SAMPLE_STFS = Action(
    name="sample_stfs",
    summary="Sample Time Frames from the STFs that wait in a namespace's inbox.",
    parameters=SampleStfs,
    dedup_key=lambda parameters: f"namespace:{parameters.namespace}",
    subject=lambda parameters: parameters.namespace or None,
    timeout_seconds=600,
    on_lost=OnLost.RERUN,
    ended=_status_of_end,
)

ACTIONS = (SAMPLE_STFS,)
