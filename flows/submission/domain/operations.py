"""When an operation on a live task makes sense, and which state shows its effect. Pure."""

from __future__ import annotations

from typing import Final

from flows.submission.schemas import TaskOperation

_HELD_UP: Final = frozenset({"paused", "throttled", "staging"})
_ENDED: Final = frozenset({"done", "finished", "failed", "broken", "aborted", "exhausted"})
_ABORTING: Final = frozenset({"toabort", "aborting"})
_SENSELESS: Final = {
    TaskOperation.PAUSE: _HELD_UP | _ENDED | _ABORTING,
    TaskOperation.INCREASE_ATTEMPTS: _ENDED - {"exhausted"},
}
"""The states in which an operation makes no sense."""


def irrelevant(operation: TaskOperation, before: str | None) -> str | None:
    """Why the operation makes no sense in the state `before`; None where it does."""
    if before is None:
        return "PanDA does not know the task"
    if operation is TaskOperation.RESUME and before not in _HELD_UP:
        return f"the task is {before}, not held up"
    return f"the task is {before}" if before in _SENSELESS.get(operation, ()) else None


def shows(operation: TaskOperation, observed: str | None, *, is_accepted: bool) -> bool:
    """Whether the state `observed` shows the operation's effect.

    More attempts show in no state: they are believed where PanDA accepted them.
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
            return is_accepted
