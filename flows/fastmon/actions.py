"""What may be requested of fast monitoring."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from flows.common.actions import Action, OnLost
from flows.common.callers import Scope
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.fastmon import messages, repository


class SampleStfs(BaseModel):
    """Which inbox to serve."""

    model_config = ConfigDict(extra="forbid")

    namespace: str = Field(
        "", max_length=100, description="Namespace of the STFs; empty: those that name none."
    )


def _status_of_end(_session: Session, request: Request) -> Sequence[NewEvent]:
    if request.state == RequestState.COMPLETED:
        return ()
    namespace = str(request.parameters.get("namespace", ""))
    text = f"sampling ended as {request.state}: {request.error or 'no reason was recorded'}"
    return (messages.fastmon_status(namespace, "failed", text, request_id=request.id),)


def _unserved(session: Session) -> list[SampleStfs]:
    """A failed or cancelled run may leave STFs in its inbox: nothing accepted is lost."""
    return [SampleStfs(namespace=name) for name in repository.unserved_namespaces(session)]


SAMPLE_STFS = Action(
    name="sample_stfs",
    summary="Sample Time Frames from the STFs that wait in a namespace's inbox.",
    verb="sample STFs",
    guidance="The bridge asks for it as STFs arrive: by hand only for an inbox that nobody "
    "serves. While its namespace is served, it joins the request that serves it.",
    pages=lambda _form, _result: (("fast monitoring", "/fastmon/"),),
    parameters=SampleStfs,
    dedup_key=lambda parameters: f"namespace:{parameters.namespace}",
    subject=lambda parameters: parameters.namespace or None,
    timeout_seconds=600,
    on_lost=OnLost.RERUN,
    scope=Scope.MESSAGE,
    is_live=True,
    owed=_unserved,
    ended=_status_of_end,
)

ACTIONS = (SAMPLE_STFS,)
