"""The tasks of the sandbox's PanDA in memory: submission, look-up and commands, behind one lock."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.panda.jedi import Jedi
from deployments.sandbox.panda.statuses import (
    ATTEMPTS_RAISED_IN,
    PERMITTED_IN,
    REACTIVATED_FROM,
    Status,
)
from deployments.sandbox.panda.tasks import Job, Task, panda_ids
from deployments.sandbox.panda.tokens import Caller

Result = tuple[int, str]
"""PanDA's code and message; 0 and 3 are good."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the sandbox's PanDA is, and what its chances are.

    Attributes:
        refine_seconds: How long a task stays invisible, and a command without effect.
        race_window_seconds: Between the check for a duplicate and the insertion: identical
            submissions within it all succeed, as at the real server.
        auto_finish_seconds: How long a task runs; None: until its state is set.
        seed: Of the order in which JEDI refines namesakes.
    """

    refine_seconds: float = 1.0
    race_window_seconds: float = 0.005
    auto_finish_seconds: float | None = None
    seed: int = 0


class PandaState:
    """All tasks; `changed` is called with them, under the lock, before a change is answered."""

    def __init__(
        self,
        pace: Pace,
        tasks: Iterable[Task] = (),
        *,
        changed: Callable[[Iterable[Task]], None] = lambda _tasks: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._lock = threading.RLock()
        self._chance = random.Random(pace.seed + len(self._tasks))  # noqa: S311 - no secret
        self._pace = pace
        self._changed = changed
        self._clock = clock
        self._pause = pause
        self._panda_ids = panda_ids(self._tasks)
        self._jedi = Jedi(pace.refine_seconds, pace.auto_finish_seconds, self._panda_ids)

    def submit(
        self, parameters: dict[str, Any], caller: Caller, parent_id: int | None = None
    ) -> Result:
        """Insert a task, unless the duplicate rule says otherwise.

        Returns:
            0 new, 1 the name waits already, 2 it is active, 3 its ended task runs again,
            4 a parameter is missing, 11 the parent is unknown.
        """
        wanted = self._complete(parameters, caller)
        if not all(wanted.get(name) for name in ("vo", "taskName", "prodSourceLabel")):
            return 4, "failed to register task"
        with self._open() as tasks:
            if parent_id is not None and parent_id not in tasks:
                return 11, f"parent task with jediTaskID={parent_id} not found"
            found = self._duplicate(wanted, tasks.values())
        if found is not None:
            return found
        # The real server locks nothing when it finds nothing: others may insert in between.
        self._pause(self._pace.race_window_seconds)
        return self._insert(wanted, caller)

    def command(self, task_id: int, command: str, caller: Caller) -> Result:
        """Register a command for JEDI: kill, finish, retry, incexec, pause or resume.

        Returns:
            0 registered, 2 unknown, 3 not permitted, 4 not in the task's state.
        """
        with self._open() as tasks:
            task = tasks.get(task_id)
            if task is None or not task.is_refined:
                return 2, f"jediTaskID={task_id} not found"
            if not caller.is_production and caller.user_name != task.user_name:
                return 3, "Permission denied"
            if task.status not in PERMITTED_IN[command]:
                return 4, (
                    f"Command rejected: the {command} command is not accepted "
                    f"if the task is in {task.status} status"
                )
            self._send(task, command)
            self._changed(tasks.values())
            return 0, f"command={command} is registered. will be executed in a few minutes"

    def increase_attempts(self, task_id: int, increase: int) -> Result:
        """Give each job more attempts; those that failed run again.

        Returns:
            0 done, 1 unknown, 2 not in the task's state.
        """
        with self._open() as tasks:
            task = tasks.get(task_id)
            if task is None or not task.is_refined:
                return 1, f"jediTaskID={task_id} not found"
            if not {task.status, task.old_status} & {*ATTEMPTS_RAISED_IN}:
                return 2, (
                    f"command rejected since status={task.status} or "
                    f"oldStatus={task.old_status} not in {[*map(str, ATTEMPTS_RAISED_IN)]}"
                )
            failed = sum(job.is_failed for job in task.jobs)
            task.extra_attempts += increase
            task.run_again(self._panda_ids, everything=False)
            task.move(task.status, self._clock())
            self._changed(tasks.values())
            return 0, f"increased attemptNr for {len(task.jobs)} inputs ({failed} reactivated)"

    def set_status(self, task_id: int, status: Status, *, failed_jobs: int = 0) -> Task | None:
        """Put a task into a state by hand, with so many of its jobs failed; None: unknown."""
        with self._open() as tasks:
            task = tasks.get(task_id)
            if task is None:
                return None
            self._jedi.provide_jobs(task, status)
            for job in task.jobs[:failed_jobs]:
                job.status = "failed"
            self._jedi.settle(task, status, self._clock())
            self._changed(tasks.values())
            return task

    def refine_now(self) -> None:
        """Let every wait be over, but not the run of a running task."""
        with self._open() as tasks:
            for _ in range(len(Status)):
                for task in tasks.values():
                    task.command_due_at = task.command_due_at and self._clock()
                    if task.status is not Status.RUNNING:
                        task.due_at = task.due_at and self._clock()
                if not self._jedi.advance(tasks, self._clock()):
                    break
            self._changed(tasks.values())

    def get(self, task_id: int) -> Task | None:
        """The task, waiting or refined."""
        with self._open() as tasks:
            return tasks.get(task_id)

    def all(self) -> list[Task]:
        """Every task, in the order of insertion."""
        with self._open() as tasks:
            return list(tasks.values())

    def refined(self) -> list[Task]:
        """The tasks that JEDI knows, the newest first."""
        return [task for task in reversed(self.all()) if task.is_refined]

    def job(self, panda_id: int) -> tuple[Task, Job] | None:
        """A job and its task."""
        pairs = ((task, job) for task in self.all() for job in task.jobs)
        return next((pair for pair in pairs if pair[1].panda_id == panda_id), None)

    @contextmanager
    def _open(self) -> Iterator[dict[int, Task]]:
        """The tasks as they are now, locked."""
        with self._lock:
            if self._jedi.advance(self._tasks, self._clock()):
                self._changed(self._tasks.values())
            yield self._tasks

    def _complete(self, parameters: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """The parameters with what the server sets; only production may choose user and type."""
        wanted = dict(parameters)
        if not caller.is_production or not wanted.get("userName"):
            wanted["userName"] = caller.user_name
        if not caller.is_production or not wanted.get("taskType"):
            wanted["taskType"] = "anal"
        return wanted

    def _duplicate(self, wanted: dict[str, Any], tasks: Iterable[Task]) -> Result | None:
        """The answer to a submission whose task is there already; None: there is none."""
        same = [task for task in tasks if _is_same(task, wanted)]
        if not same:
            return None
        for task in same:
            if not task.is_refined:
                return 1, (
                    f"jediTaskID={task.id} is already queued for outDS={task.name}. "
                    "You cannot submit duplicated tasks. "
                )
        newest = same[-1]
        if newest.status not in REACTIVATED_FROM:
            return 2, (
                f"jediTaskID={newest.id} is in the {newest.status} state for outDS={newest.name}. "
                "You can re-execute the task with the same or another input "
                "once it goes into finished/failed/done"
            )
        newest.reactivations += 1
        self._send(newest, "incexec")
        self._changed(self._tasks.values())
        return 3, (
            f"reactivation accepted. jediTaskID={newest.id} (currently in {newest.status} state) "
            "will be re-executed with old and/or new input"
        )

    def _send(self, task: Task, command: str) -> None:
        task.command = command
        task.command_due_at = self._clock() + self._jedi.lag()

    def _insert(self, wanted: dict[str, Any], caller: Caller) -> Result:
        with self._open() as tasks:
            now = self._clock()
            task = Task(
                id=max(tasks, default=0) + 1,
                name=wanted["taskName"],
                user_name=wanted["userName"],
                dn=caller.dn,
                parameters=wanted,
                created_at=now,
                modified_at=now,
                due_at=now + self._jedi.lag(),
                rank=self._chance.random(),
            )
            tasks[task.id] = task
            self._changed(tasks.values())
            return 0, f"succeeded. new jediTaskID={task.id}"


def _is_same(task: Task, wanted: dict[str, Any]) -> bool:
    """Whether a task stands in the way of a submission.

    The server looks only for an analysis task that asks for a unique name; the scope is VO,
    label and name, and the user unless the task is official.
    """
    return (
        wanted["taskType"] == "anal"
        and wanted.get("uniqueTaskName") is True
        and task.name == wanted["taskName"]
        and task.parameters.get("vo") == wanted["vo"]
        and task.label == wanted["prodSourceLabel"]
        and (wanted.get("official") is True or task.user_name == wanted["userName"])
    )
