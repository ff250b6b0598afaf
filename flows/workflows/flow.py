"""Run a workflow; stop one."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from blocks.errors import Refused
from flows.common import cancellations, requests, run
from flows.common.callers import on_ops_side
from flows.common.flow import flow
from flows.common.notifications import NotificationListener
from flows.common.run import Announce, Ending
from flows.workflows import repository, tasks
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.schemas import RunWorkflow, StopWorkflow


class NothingToStop(Refused):
    """No workflow runs where one is to be stopped."""


@flow(RUN_WORKFLOW)
def run_workflow(form: RunWorkflow) -> dict[str, Any]:
    """Play a data-taking run, from its `run_imminent` to its `end_run`.

    Returns:
        execution_id, run_number, namespace, status, stf_files, messages.
    """
    present = run.current()
    execution, daq = tasks.begin(present, form)
    with NotificationListener(repository.CHANNEL) as listener:
        player = tasks.Player(present, form, execution, daq, listener)
        return player.finish(player.play())


@flow(STOP_WORKFLOW)
def stop_workflow(form: StopWorkflow) -> dict[str, Any]:
    """Have workflows stopped: each sends its `end_run` and ends.

    Returns:
        Ids of what is stopped: executions; requests, which had begun none yet.

    Raises:
        NothingToStop: There is nothing; that is recorded.
    """
    present = run.current()
    nothing = f"no workflow runs {form.what}"
    result: dict[str, Any] = {"executions": [], "requests": []}

    def stop(session: Session, _: Announce) -> Ending:
        by = requests.get(session, present.claim.request_id).requested_by
        found = repository.open_requests(session, **form.model_dump())
        if not found:
            return Ending.failed(nothing)
        for request in found:
            execution_id = repository.request_stop(session, request, by)
            if execution_id is not None:
                result["executions"].append(execution_id)
            else:
                caller = on_ops_side(by)
                cancellations.ask(session, request.id, caller=caller, reason="stop_workflow")
                result["requests"].append(request.id)
        return Ending(result=result)

    present.finish(stop)
    if not any(result.values()):
        raise NothingToStop(nothing)
    return result
