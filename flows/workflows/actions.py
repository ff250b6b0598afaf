"""What may be requested of workflows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from blocks.errors import Refused
from flows.common.actions import Action, OnLost
from flows.common.callers import Caller, Scope
from flows.common.settings import settings
from flows.workflows import endings, repository
from flows.workflows.schemas import RunWorkflow, StopWorkflow

_LONGEST_SECONDS = 31 * 86400.0


def _runs_alone(session: Session, form: RunWorkflow, _caller: Caller) -> None:
    """A namespace runs one workflow at a time; an equal request joins the one that is open."""
    wanted = form.model_dump(mode="json")
    for request in repository.open_requests(session, namespace=form.namespace):
        if request.parameters != wanted:
            raise Refused(
                f"namespace {form.namespace!r} runs a workflow already (request {request.id});"
                " stop it first, by stop_workflow, or choose another namespace"
            )


def _stops_own(session: Session, form: StopWorkflow, caller: Caller) -> None:
    """Whoever asked for a workflow may stop it, and whoever may operate."""
    named = form.model_dump()
    found = repository.open_requests(session, **named)
    if not found:
        raise Refused(f"no workflow runs {form.what}")
    for request in found:
        caller.require_own(request.requested_by, f"Stopping the workflow of request {request.id}")


def _page_of_execution(_form: object, result: dict[str, Any]) -> Sequence[tuple[str, str]]:
    execution = result.get("execution_id")
    return (("workflow", f"/workflows/{quote(str(execution))}"),) if execution else ()


RUN_WORKFLOW = Action(
    name=repository.ACTION,
    summary="Run a workflow that plays the data acquisition: a run with its messages, in time.",
    verb="run workflow in",
    guidance="To play the data acquisition in a namespace, which runs one workflow at a "
    "time: stop the one that runs, or choose another namespace.",
    pages=_page_of_execution,
    parameters=RunWorkflow,
    dedup_key=lambda parameters: f"namespace:{parameters.namespace}",
    subject=lambda parameters: parameters.namespace,
    timeout_seconds=_LONGEST_SECONDS,
    at_a_time=lambda: settings().workflows.at_a_time,
    # A later attempt goes on after the last message that was sent: nothing is lost or doubled.
    on_lost=OnLost.RERUN,
    scope=Scope.REQUEST,
    gate=_runs_alone,
    ended=endings.of_request,
)

STOP_WORKFLOW = Action(
    name="stop_workflow",
    summary="Stop a workflow, or all of a namespace; each ends with its end_run.",
    verb="stop workflow",
    guidance="To end a workflow, or all of a namespace, with its `end_run`. Where none runs "
    "it is refused.",
    parameters=StopWorkflow,
    dedup_key=lambda parameters: f"stop:{parameters.what}",
    subject=lambda parameters: parameters.execution_id or parameters.namespace,
    timeout_seconds=300,
    on_lost=OnLost.RERUN,
    scope=Scope.REQUEST,
    gate=_stops_own,
)

ACTIONS = (RUN_WORKFLOW, STOP_WORKFLOW)
