"""What may be done to a production task now, and why not: what PCS's gates would say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from api.pcs.models import ProdTask, TaskStatus
from blocks.errors import Forbidden
from flows.common.callers import Caller
from flows.submission.domain import gate
from flows.submission.models import Step


class Operation(StrEnum):
    """What the pages do to a task; each is a POST to PCS."""

    SUBMIT = "submit"
    RERUN = "rerun"
    LOCK = "lock"
    DRAFT = "draft"


class Phase(StrEnum):
    """Where the newest submission of a task stands."""

    NONE = "none"
    WAITING = "waiting"
    """The ops side has not begun."""
    RUNNING = "running"
    UNKNOWN = "unknown"
    """PanDA may have the task; it is being found out."""
    UNRECORDED = "unrecorded"
    """PanDA has the task, and PCS does not have its id yet."""
    UNRESOLVED = "unresolved"
    """PanDA has a task whose id PCS refuses: an operator decides."""
    SUBMITTED = "submitted"
    FAILED = "failed"


OPEN: Final = frozenset({Phase.WAITING, Phase.RUNNING, Phase.UNKNOWN, Phase.UNRECORDED})
"""Phases that go on by themselves."""
RESOLVABLE: Final = frozenset({Phase.UNKNOWN, Phase.UNRECORDED, Phase.UNRESOLVED})
"""Phases that an operator may end by a word."""


STEPS: Final[dict[str, str]] = {
    Step.CLAIM: "Claim the attempt",
    Step.COMMAND: "Fetch the prun command from PCS",
    Step.TOKEN: "Check the token for PanDA",
    Step.SANDBOX: "Make an empty sandbox",
    Step.SEND: "Send it with prun",
    Step.CLASSIFY: "Read what prun said",
    Step.RECONCILE: "Find out what PanDA has",
    Step.CONFIRM: "Confirm that one task bears the name",
    Step.RECORD: "Record the id at PCS",
    Step.CLOSE: "Announce the outcome",
}
"""The steps of a submission in their order, as pages list them."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What counts of a task for its gates.

    Attributes:
        task: The task itself.
        request_id: Its open submission request.
        is_unresolved: Whether an earlier submission waits for an operator's word.
        reasons: Why it is not ready under the strict rules.
        reasons_to_lock: Why it is not ready under the rules that hold.
        command_problem: Why no command can be composed.
    """

    task: ProdTask
    request_id: int | None
    is_unresolved: bool = False
    reasons: Sequence[str]
    reasons_to_lock: Sequence[str]
    command_problem: str | None = None


def refusals(
    operation: Operation, standing: Standing, *, caller: Caller, is_relaxed: bool
) -> list[str]:
    """Why the operation would be refused; empty where it would not.

    Whoever is not known is not judged: signing in says later who asks.
    """
    if standing.request_id is not None and operation is not Operation.LOCK:
        return [f"It is being submitted, by request {standing.request_id}."]
    found = list(_of_task(operation, standing, is_relaxed=is_relaxed))
    if standing.is_unresolved and operation in {Operation.SUBMIT, Operation.RERUN}:
        found.append("An earlier submission is unresolved: resolve it first.")
    owner = standing.task.created_by
    if caller.is_known:
        found.extend(_of_caller(caller, caller.name if is_relaxed else owner))
    return found


def _of_caller(caller: Caller, owner: str) -> Iterator[str]:
    try:
        caller.require_own(owner, f"It is {owner}'s: that")
    except Forbidden as refusal:
        yield str(refusal)


def _of_task(operation: Operation, standing: Standing, *, is_relaxed: bool) -> Iterator[str]:
    status, jedi_task_id = TaskStatus(standing.task.status), standing.task.panda_task_id
    unready: Sequence[str] = standing.reasons
    if is_relaxed:
        unready = [standing.command_problem] if standing.command_problem is not None else []
    match operation:
        case Operation.SUBMIT:
            reason = gate.refusal(status, jedi_task_id, is_relaxed=is_relaxed)
            if reason is not None:
                yield reason
            if jedi_task_id is None:
                yield from unready
        case Operation.RERUN if not gate.may_be_rerun(status, jedi_task_id):
            yield "There is no recorded submission to run again."
        case Operation.RERUN:
            yield from unready
        case Operation.LOCK if status is not TaskStatus.DRAFT:
            yield f"Only a draft can be locked; it is {status}."
        case Operation.LOCK:
            yield from standing.reasons_to_lock
        case Operation.DRAFT if status is not TaskStatus.READY:
            yield f"Only a locked (ready) task goes back to draft; it is {status}."
