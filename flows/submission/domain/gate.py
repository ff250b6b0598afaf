"""When a task may be submitted to PanDA for the first time, and once more. Pure.

PCS and the pages apply the rules before a request is made, and the flow again before it sends.
"""

from __future__ import annotations

from typing import Final

SUBMITTED: Final = frozenset({"submitted", "completed", "failed"})
"""The statuses of a task with a recorded submission."""


def may_be_submitted(status: str, *, is_relaxed: bool) -> bool:
    """Whether a task of that status may be submitted; under the relaxed rules a draft may."""
    return status == "ready" or (is_relaxed and status == "draft")


def may_be_rerun(status: str, jedi_task_id: int | None) -> bool:
    """Whether a task has a recorded submission that may be repeated under the next name."""
    return jedi_task_id is not None and status in SUBMITTED


def refusal(status: str, jedi_task_id: int | None, *, is_relaxed: bool) -> str | None:
    """Why a task may not be submitted for the first time; None where it may."""
    if jedi_task_id is not None:
        return f"Already submitted as jediTaskID {jedi_task_id}."
    return None if may_be_submitted(status, is_relaxed=is_relaxed) else only_ready(status)


def only_ready(status: str) -> str:
    """That a task of that status may not be submitted."""
    return f"Only a locked (ready) task can be submitted to PanDA; it is {status}."
