"""What may be requested of submission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from flows.common.actions import Action, Nothing, OnLost
from flows.common.callers import Caller, Scope
from flows.common.events import NewEvent
from flows.common.models import Request, RequestState
from flows.common.settings import settings
from flows.submission import messages
from flows.submission.domain import campaigns
from flows.submission.repository import attempts, owners
from flows.submission.schemas import OperateTask, ResolveSubmission, SubmitTask


def _submission_ended(session: Session, request: Request) -> Sequence[NewEvent]:
    """The flow announces its own ends; here are those of runs that were lost or never begun.

    A run that was lost before anything was sent left nothing unknown, and the next begins anew.
    """
    if request.state == RequestState.UNKNOWN:
        return (messages.lost(request),) if attempts.may_be_sent(session, request.id) else ()
    if request.state == RequestState.CANCELLED:
        return (messages.cancelled(request),)
    return ()


def _submits_own(session: Session, form: SubmitTask, caller: Caller) -> None:
    """A task's owner may submit it, and whoever may operate."""
    _require_owner(caller, owners.of_task(session, form.task_name), "Submitting this task")


def _operates_own(session: Session, form: OperateTask, caller: Caller) -> None:
    """A task's owner may operate on it, and whoever may operate on all."""
    owner = owners.of_jedi_task(session, form.jedi_task_id)
    _require_owner(caller, owner, f"An operation on PanDA's task {form.jedi_task_id}")


def _page_of_task(form: Any, _result: object) -> Sequence[tuple[str, str]]:
    return (("task", f"/pcs/tasks/{quote(form.task_name)}"),) if form.task_name else ()


def _verb_of(form: OperateTask) -> str:
    return form.operation.value.replace("_", " ")


def _require_owner(caller: Caller, owner: str | None, what: str) -> None:
    """Let the owner pass; where nobody is known to own it, whoever may operate."""
    if owner is None or not settings().pcs.relaxed:
        caller.require_own(owner or "", what)


SUBMIT_TASK = Action(
    name="submit_task",
    summary="Submit a production task to PanDA with prun, exactly once, and record its id.",
    verb="submit",
    guidance="When a production task is ready at PCS. A task that is being submitted already "
    "is joined, and one that is submitted is refused. What PanDA left unsaid is "
    "looked up by later runs: do not start it again, its request goes on by itself.",
    campaign=lambda form: campaigns.of_task_name(form.task_name),
    pages=_page_of_task,
    parameters=SubmitTask,
    dedup_key=lambda parameters: f"submit:{parameters.task_name}",
    subject=lambda parameters: parameters.task_name,
    timeout_seconds=3600,
    on_lost=OnLost.UNKNOWN,
    at_a_time=lambda: settings().submission.limit,
    scope=Scope.REQUEST,
    gate=_submits_own,
    ended=_submission_ended,
    refused=lambda form, reason: (messages.failed(form.task_name, reason, None),),
)

OPERATE_TASK = Action(
    name="panda_task_operation",
    summary="Raise the attempts of a live PanDA task, retry its failures, pause or resume it.",
    verb=_verb_of,
    guidance="For a task that lives at PanDA: raise its attempts, retry its failures, pause "
    "or resume it. It is sent once; an effect that does not show in time ends as "
    "failed.",
    campaign=lambda form: campaigns.of_task_name(form.task_name),
    pages=_page_of_task,
    parameters=OperateTask,
    dedup_key=lambda parameters: f"panda-op:{parameters.operation}:{parameters.jedi_task_id}",
    subject=lambda parameters: parameters.task_name or str(parameters.jedi_task_id),
    timeout_seconds=600,
    on_lost=OnLost.UNKNOWN,
    scope=Scope.REQUEST,
    gate=_operates_own,
    refused=lambda form, reason: (messages.operated(form, reason, None, is_ok=False),),
)

RESOLVE_SUBMISSION = Action(
    name="resolve_submission",
    summary="Settle a submission by an operator's word: it became that task, or it failed.",
    verb="resolve",
    guidance="Only where a submission is unresolved, after a look at PanDA's monitor: adopt "
    "the task that it became, or say that it failed. Nobody else's word settles it.",
    campaign=lambda form: campaigns.of_task_name(form.task_name),
    pages=_page_of_task,
    parameters=ResolveSubmission,
    dedup_key=lambda parameters: f"resolve:{parameters.task_name}:{parameters.decision}",
    subject=lambda parameters: parameters.task_name,
    timeout_seconds=300,
    on_lost=OnLost.RERUN,
    scope=Scope.OPERATE,
)

SYNC_TASK_STATES = Action(
    name="sync_task_states",
    summary="Query the states of submitted tasks at PanDA, and update PCS.",
    verb="sync task states",
    guidance="It runs every five minutes. By hand to have PCS up to date at once.",
    pages=lambda _form, _result: (("tasks", "/pcs/tasks/"),),
    parameters=Nothing,
    dedup_key=lambda _: "all",
    subject=lambda _: None,
    timeout_seconds=900,
    schedule="*/5 * * * *",
    runs_at_a_time=1,
    on_lost=OnLost.RERUN,
    is_background=True,
)

ACTIONS = (OPERATE_TASK, RESOLVE_SUBMISSION, SUBMIT_TASK, SYNC_TASK_STATES)
