"""The counters that agents draw their numbers from, and namespaces.

Source: fastmon contract section 3.2.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.http.access import AgentWriter, Sender
from api.http.errors import Problem, Rejection, refusals
from api.http.fields import Paragraph, Text100
from api.http.forms import Sent
from api.http.forms import body as _body
from api.http.routers import PrefixRouter
from api.http.sessions import take_in
from flows.agents import repository
from flows.common import counters
from flows.common.counters import Counter

router = APIRouter()
_state = PrefixRouter(prefix="/api/state", tags=["state"])
_namespaces = PrefixRouter(prefix="/api/namespaces", tags=["namespaces"])

Success = Annotated[Literal["success"], Field(description="The word that agents look for.")]
_SUCCESS: Final = "success"
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "No good token."},
    **refusals(403, 415),
}


class AgentId(BaseModel):
    """The number of a new agent."""

    agent_id: int
    status: Success = _SUCCESS


class RunNumber(BaseModel):
    """The number of a new run."""

    run_number: int
    status: Success = _SUCCESS


class ExecutionNumber(BaseModel):
    """The number of a new execution of a workflow."""

    sequence: int
    status: Success = _SUCCESS


@_state.post("/next-agent-id/", summary="Draw an agent's number", responses=_REFUSALS)
async def next_agent_id(request: Request, _caller: Sender) -> AgentId:
    """A number that no other agent gets. The body is not read."""
    return AgentId(agent_id=await _next(request, Counter.AGENT_ID))


@_state.post("/next-run-number/", summary="Draw a run's number", responses=_REFUSALS)
async def next_run_number(request: Request, _caller: Sender) -> RunNumber:
    """A number that no other run gets. The body is not read."""
    return RunNumber(run_number=await _next(request, Counter.RUN_NUMBER))


@_state.post(
    "/next-workflow-execution-id/",
    summary="Draw the number of a workflow's execution",
    responses=refusals(403, 415),
)
async def next_execution_number(request: Request, _caller: AgentWriter) -> ExecutionNumber:
    """A number that no other execution gets. The body is not read."""
    return ExecutionNumber(sequence=await _next(request, Counter.WORKFLOW_EXECUTION_ID))


async def _next(request: Request, counter: Counter) -> int:
    return await take_in(request, lambda session: counters.next_number(session, counter))


# ------------------------------------------------------------------ namespaces


class NamespaceForm(BaseModel):
    """Whose namespace is to be there. Name and owner are required."""

    name: Text100 | None = Field(None, description="The namespace.")
    owner: Text100 | None = Field(None, description="Whose it is, if it is made now.")
    description: Paragraph | None = Field(None, description="What it is for.")


class NamespaceView(BaseModel):
    """A namespace, and whether it was made now."""

    name: str
    owner: str
    description: str
    created: bool
    status: Success = _SUCCESS


@_namespaces.post(
    "/ensure/",
    summary="Make a namespace if there is none of that name",
    responses=refusals(400, 403, 415),
    openapi_extra=_body(NamespaceForm, {"name": "testbed", "owner": "daq"}),
)
async def ensure_namespace(request: Request, _caller: AgentWriter, body: Sent) -> NamespaceView:
    """One that is there stays as it is, whoever asks."""
    form = body.parse(NamespaceForm)
    if not form.name or not form.owner:
        missing = "owner" if form.name else "name"
        raise Rejection(400, {"error": f"{missing} is required", "status": "error"})
    name, owner, description = form.name, form.owner, form.description or ""
    found, is_new = await take_in(
        request, lambda session: repository.ensure_namespace(session, name, owner, description)
    )
    return NamespaceView(
        name=found.name, owner=found.owner, description=found.description, created=is_new
    )


router.include_router(_state)
router.include_router(_namespaces)
