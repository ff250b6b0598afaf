"""The record of an operation on a live task: who, when, why, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from blocks.errors import ProdOpsError
from flows.common import events, requests
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.submission import messages
from flows.submission.actions import OperateTask, TaskOperation
from flows.submission.models import OperationStatus, PandaOperation
from flows.submission.workplace import workplace

_HELD_UP: Final = frozenset({"paused", "throttled", "staging"})
_ENDED: Final = frozenset({"done", "finished", "failed", "broken", "aborted", "exhausted"})
_ABORTING: Final = frozenset({"toabort", "aborting"})


class OperationFailed(ProdOpsError):
    """The operation was refused, or its effect did not show."""


# ------------------------------------------------------------------ what a state shows


def irrelevant(operation: TaskOperation, before: str | None) -> str | None:
    """Why the operation makes no sense in the state `before`; None where it does."""
    if before is None:
        return "PanDA does not know the task"
    if operation is TaskOperation.RESUME and before not in _HELD_UP:
        return f"the task is {before}, not held up"
    if operation is TaskOperation.PAUSE and before in _HELD_UP | _ENDED | _ABORTING:
        return f"the task is {before}"
    if operation is TaskOperation.INCREASE_ATTEMPTS and before in _ENDED - {"exhausted"}:
        return f"the task is {before}"
    return None


def shows(operation: TaskOperation, record: PandaOperation, observed: str | None) -> bool:
    """Whether the state `observed` shows the operation's effect.

    More attempts show in no state: they are believed where PanDA took them.
    """
    if observed is None:
        return False
    match operation:
        case TaskOperation.PAUSE:
            return observed == "paused"
        case TaskOperation.RESUME:
            return observed not in _HELD_UP
        case TaskOperation.RETRY_FAILURES:
            return observed not in _ENDED | _ABORTING
        case TaskOperation.INCREASE_ATTEMPTS:
            return record.status == OperationStatus.ACCEPTED


# ------------------------------------------------------------------ the record


def begin(order: OperateTask) -> PandaOperation:
    """The request's record: an earlier run's, or a new one.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    with transaction(place.engine) as session:
        requests.fence(session, place.holder)
        asked = session.scalar(
            select(Request.created_at).where(Request.id == place.holder.request_id)
        )
        session.execute(
            insert(PandaOperation)
            .values(
                request_id=place.holder.request_id,
                jedi_task_id=order.jedi_task_id,
                task_name=order.task_name,
                operation=order.operation.value,
                parameters=_parameters(order),
                requested_by=order.created_by,
                reason=order.reason,
                status=OperationStatus.RUNNING,
                requested_at=asked or now(),
            )
            .on_conflict_do_nothing()
        )
        record = session.scalar(
            select(PandaOperation).where(PandaOperation.request_id == place.holder.request_id)
        )
        assert record is not None  # noqa: S101 - inserted above, or there before
        return record


def note_sent(before: str | None) -> PandaOperation:
    """Note that PanDA is being asked; it is never asked twice."""
    return _write({"sent_at": func.now(), "observed_before": before})


def note_accepted() -> PandaOperation:
    """Note that PanDA took it."""
    return _write({"status": OperationStatus.ACCEPTED})


def finish(
    order: OperateTask, status: OperationStatus, text: str, *, observed: str | None = None
) -> dict[str, Any]:
    """End record and request, with the event that tells the outcome.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    is_ok = status is OperationStatus.VERIFIED
    state = RequestState.COMPLETED if is_ok else RequestState.FAILED
    told = {
        "operation": order.operation.value,
        "jedi_task_id": order.jedi_task_id,
        "status": status.value,
        "observed_status": observed,
        "diagnostic": text,
    }
    event = messages.operated(
        order.task_name,
        order.jedi_task_id,
        order.operation.value,
        is_ok=is_ok,
        text=text,
        holder=place.holder,
    )
    with transaction(place.engine) as session:
        session.execute(
            update(PandaOperation)
            .where(PandaOperation.request_id == place.holder.request_id)
            .values(
                status=status, diagnostic=text, observed_status=observed, completed_at=func.now()
            )
        )
        error = None if is_ok else text
        requests.finish(session, place.holder, state, result=told, error=error)
        events.commit(session, [event])
    return told


def _write(values: dict[str, Any]) -> PandaOperation:
    place = workplace()
    with transaction(place.engine) as session:
        requests.fence(session, place.holder)
        written = session.scalar(
            update(PandaOperation)
            .where(PandaOperation.request_id == place.holder.request_id)
            .values(**values)
            .returning(PandaOperation)
            .execution_options(populate_existing=True)
        )
        assert written is not None  # noqa: S101 - made by `begin`
        return written


def _parameters(order: OperateTask) -> dict[str, Any]:
    match order.operation:
        case TaskOperation.INCREASE_ATTEMPTS:
            return {"increase": order.increase}
        case TaskOperation.RETRY_FAILURES:
            return {"new_parameters": order.new_parameters}
        case _:
            return {}
