"""An operation on a live task: its record, the request to PanDA, and the look at what followed."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.orm import Session

from blocks.panda_server import PandaRefused
from flows.common import run
from flows.common.flow import task
from flows.common.models import RequestState
from flows.common.run import Announce, Ending
from flows.submission import messages
from flows.submission.domain import identity, operations
from flows.submission.domain.identity import Recorded
from flows.submission.domain.operations import OperationRefused
from flows.submission.models import OperationStatus, PandaOperation
from flows.submission.repository import operations as records
from flows.submission.repository import resolutions
from flows.submission.schemas import OperateTask, TaskOperation
from flows.submission.tasks import common

_PARAMETERS: Final = {
    TaskOperation.INCREASE_ATTEMPTS: {"increase"},
    TaskOperation.RETRY_FAILURES: {"new_parameters"},
}
"""The fields of the form that an operation takes."""


@task("compare name, user and server")
def require_ours(form: OperateTask) -> None:
    """Let the operation pass only to the task that is recorded under the number.

    Raises:
        OperationRefused: PanDA has another task there, or none of ours; nothing is done to it.
        PcsRefused: PCS does not know the production task.
    """
    record = _recorded(form)
    if record is None:
        raise OperationRefused(f"jediTaskID {form.jedi_task_id} is recorded for none of our tasks")
    here = common.here()
    if text := identity.elsewhere(record, here):
        raise OperationRefused(text)
    seen = common.panda().find(form.jedi_task_id)
    if seen is None:
        raise OperationRefused(identity.absent(record, here))
    problem = identity.foreign(record, seen, here) or identity.of_another_user(record, seen, here)
    if problem:
        raise OperationRefused(problem)


def _recorded(form: OperateTask) -> Recorded | None:
    """What PCS has of the number, with where the ops side had it from."""
    tasks = [common.pcs().task(form.task_name)] if form.task_name else common.pcs().tasks()
    found = (record for each in tasks for record in identity.recorded(each))
    record = next((each for each in found if each.jedi_task_id == form.jedi_task_id), None)
    if record is None:
        return None
    number = form.jedi_task_id
    origins = run.current().read(lambda session: resolutions.origins(session, [number]))
    return record.of(origins.get((record.name, number)))


@task("look at the task")
def look(jedi_task_id: int) -> str | None:
    """The task's state at PanDA; None where PanDA does not know it."""
    return common.panda().status(jedi_task_id)


@task("ask PanDA", delays=())
def ask(form: OperateTask) -> str:
    """Send the operation, once; gives what PanDA says.

    Raises:
        PandaRefused: PanDA says no, or that there was nothing to do.
    """
    panda = common.panda()
    match form.operation:
        case TaskOperation.INCREASE_ATTEMPTS:
            said = panda.increase_attempts(form.jedi_task_id, form.increase)
            if operations.raised_nothing(said):
                raise PandaRefused(said)
            return said
        case TaskOperation.RETRY_FAILURES:
            return panda.retry(form.jedi_task_id, form.new_parameters.model_dump())
        case TaskOperation.PAUSE:
            return panda.pause(form.jedi_task_id)
        case TaskOperation.RESUME:
            return panda.resume(form.jedi_task_id)


# ------------------------------------------------------------------ the record


def begin(form: OperateTask) -> PandaOperation:
    """The request's record: an earlier run's, or a new one."""
    present = run.current()
    values = {
        **form.model_dump(
            mode="json", include={"jedi_task_id", "task_name", "operation", "reason"}
        ),
        "parameters": form.model_dump(include=_PARAMETERS.get(form.operation, set())),
    }
    return present.write(
        lambda session, _: records.begin(session, present.claim.request_id, values)
    )


def note_sent(before: str | None) -> None:
    """Note that PanDA is being asked; it is never asked twice."""
    _write(sent_at=func.now(), observed_before=before)


def note_accepted(said: str) -> PandaOperation:
    """Note that PanDA accepted it, and in which words."""
    return _write(status=OperationStatus.ACCEPTED, diagnostic=said)


def finish(
    form: OperateTask, status: OperationStatus, text: str, *, observed: str | None = None
) -> dict[str, Any]:
    """End record and request, with the event that announces the outcome; gives the result."""
    present = run.current()
    is_ok = status is OperationStatus.VERIFIED
    result = {
        "operation": form.operation.value,
        "jedi_task_id": form.jedi_task_id,
        "status": status.value,
        "observed_status": observed,
        "diagnostic": text,
    }
    values = {"diagnostic": text, "observed_status": observed, "completed_at": func.now()}

    def end(session: Session, announce: Announce) -> Ending:
        request_id = present.claim.request_id
        records.write(session, request_id, {"status": status, **values})
        announce(messages.operated(form, text, present.claim, is_ok=is_ok))
        if is_ok:
            return Ending(result=result)
        return Ending(state=RequestState.FAILED, result=result, error=text)

    present.finish(end)
    return result


def _write(**values: Any) -> PandaOperation:
    present = run.current()
    return present.write(
        lambda session, _: records.write(session, present.claim.request_id, values)
    )
