"""When an operation on a live task makes sense, and which state shows its effect. Pure."""

from __future__ import annotations

import re
from typing import Final

from blocks.errors import Refused
from blocks.panda_server.tasks import ABORTING
from flows.submission.schemas import OperateTask, TaskOperation

_HELD_UP: Final = frozenset({"paused", "throttled", "staging"})
_FAILED: Final = frozenset({"finished", "failed", "aborted", "exhausted"})
_ENDED: Final = _FAILED | {"done", "broken"}
_ENDING: Final = ABORTING - _ENDED | {"tobroken", "finishing", "passed"}
_SENSELESS: Final = {
    TaskOperation.PAUSE: _HELD_UP | _ENDED | _ENDING,
    # An exhausted task waits for an operator: whether it takes more attempts is PanDA's to say.
    TaskOperation.INCREASE_ATTEMPTS: _ENDED - {"exhausted"} | _ENDING,
}
"""The states in which an operation makes no sense."""
_NOTHING_RAISED: Final = re.compile(r"\bfor 0 inputs\b")


class OperationRefused(Refused):
    """The operation is not sent, for a reason of ours."""


def irrelevant(form: OperateTask, before: str | None) -> str | None:
    """Why the operation makes no sense in the state `before`; None where it does."""
    if before is None:
        return "PanDA does not know the task"
    match form.operation:
        case TaskOperation.RESUME if before not in _HELD_UP:
            return f"the task is {before}, not held up"
        case TaskOperation.RETRY_FAILURES if before not in _retried(form):
            return f"the task is {before}: what failed is retried once it has ended with failures"
        case operation if before in _SENSELESS.get(operation, ()):
            return f"the task is {before}{' already' if before in _HELD_UP else ''}"
    return None


def _retried(form: OperateTask) -> frozenset[str]:
    """The states in which PanDA retries (statusToRetry and statusToIncexec, JediTaskSpec.py)."""
    return _FAILED | {"done"} if form.new_parameters.model_dump() else _FAILED


def raised_nothing(answer: str) -> bool:
    """Whether PanDA, which raises attempts at once, says that there were none to raise."""
    return _NOTHING_RAISED.search(answer) is not None


def shows(
    operation: TaskOperation, before: str | None, observed: str | None, *, is_accepted: bool
) -> bool:
    """Whether the change from `before` to `observed` is one that the operation causes.

    More attempts show in no state: PanDA raises them before it answers, so its answer shows them.
    """
    if observed is None:
        return False
    if operation is TaskOperation.INCREASE_ATTEMPTS:
        return is_accepted
    if observed == before:
        return False
    match operation:
        case TaskOperation.PAUSE:
            return observed == "paused"
        case TaskOperation.RESUME:
            # What is throttled or staging also goes on by itself.
            is_ours = before == "paused" or is_accepted
            return is_ours and observed not in _HELD_UP | _ENDING | {"aborted", "broken"}
        case TaskOperation.RETRY_FAILURES:
            return before in _ENDED and observed not in _ENDED | _ENDING
