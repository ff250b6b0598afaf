"""The server's rules on tasks: what is a duplicate, which command is permitted, and its words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployments.sandbox.panda.statuses import (
    ENDED,
    ENDING,
    REACTIVATED_FROM,
    RESUMED_FROM,
    RETRIED_FROM,
    Status,
)
from deployments.sandbox.panda.tasks import Task

Result = tuple[int, str]
"""PanDA's code and message; 0 and 3 are good."""


def same_tasks(wanted: dict[str, Any], tasks: Iterable[Task]) -> list[Task]:
    """The tasks that stand in the way of a submission, the oldest first.

    The server looks only for an analysis task that asks for a unique name; the scope is VO,
    label and name, and the user unless the task is official.
    """
    if wanted["taskType"] != "anal" or wanted.get("uniqueTaskName") is not True:
        return []
    return [task for task in tasks if _is_same(task, wanted)]


def queued(task: Task) -> Result:
    """The answer when the same task waits already."""
    return 1, (
        f"jediTaskID={task.id} is already queued for outDS={task.name}. "
        "You cannot submit duplicated tasks. "
    )


def active(task: Task) -> Result:
    """The answer when the same task is in a state from which it is not run again."""
    return 2, (
        f"jediTaskID={task.id} is in the {task.status} state for outDS={task.name}. "
        "You can re-execute the task with the same or another input "
        "once it goes into finished/failed/done"
    )


def reactivated(task: Task) -> Result:
    """The answer when the same task has ended, and is run again."""
    return 3, (
        f"reactivation accepted. jediTaskID={task.id} (currently in {task.status} state) "
        "will be re-executed with old and/or new input"
    )


def permits(task: Task, command: str) -> bool:
    """Whether a command makes sense in the task's state."""
    if command == "retry":
        return task.status in RETRIED_FROM
    if command == "incexec":
        return task.status in REACTIVATED_FROM
    if command == "resume":
        return task.status in RESUMED_FROM
    is_live = task.status not in ENDED | ENDING
    return is_live and not (command == "pause" and task.status is Status.PAUSED)


def _is_same(task: Task, wanted: dict[str, Any]) -> bool:
    return (
        task.name == wanted["taskName"]
        and task.parameters.get("vo") == wanted["vo"]
        and task.label == wanted["prodSourceLabel"]
        and (wanted.get("official") is True or task.user_name == wanted["userName"])
    )
