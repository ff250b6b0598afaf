"""What JEDI does behind the server: refines waiting tasks, drops duplicates, executes commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployments.sandbox.panda.statuses import ENDED, NEXT, WITHOUT_JOBS, Status
from deployments.sandbox.panda.tasks import Task

STEPS_PER_REFINEMENT = 10


@dataclass
class Jedi:
    """Moves tasks on, as time passes.

    Attributes:
        refine_seconds: How long a task waits before JEDI knows it, and a command before it acts;
            each further state lasts a tenth of it.
        auto_finish_seconds: How long a task runs; None: until its state is set.
        panda_ids: PandaIDs of jobs to come.
    """

    refine_seconds: float
    auto_finish_seconds: float | None
    panda_ids: Iterator[int]

    def lag(self) -> timedelta:
        """How long a new task, or a new command, waits."""
        return timedelta(seconds=self.refine_seconds)

    def advance(self, tasks: dict[int, Task], now: datetime) -> bool:
        """Do everything that is due; whether anything changed."""
        is_changed = False
        while True:
            due = [task for task in tasks.values() if _is_due(task.due_at, now)]
            commanded = [task for task in tasks.values() if _is_due(task.command_due_at, now)]
            if not due and not commanded:
                return is_changed
            is_changed = True
            for task in commanded:
                self._execute(task)
            for task in _with_twins(due, tasks):
                self._move_on(task, tasks, now)

    def settle(self, task: Task, status: Status, at: datetime) -> None:
        """Put a task into a state, and plan what follows by itself."""
        self.provide_jobs(task, status)
        task.move(status, at)
        task.due_at = None
        if status in NEXT:
            task.due_at = at + self.lag() / STEPS_PER_REFINEMENT
        elif status is Status.RUNNING and self.auto_finish_seconds is not None:
            task.due_at = at + timedelta(seconds=self.auto_finish_seconds)

    def provide_jobs(self, task: Task, status: Status) -> None:
        """Make the jobs of a task that comes into a state where it must have some."""
        if status not in WITHOUT_JOBS and not task.jobs:
            task.make_jobs(self.panda_ids)

    def _move_on(self, task: Task, tasks: dict[int, Task], now: datetime) -> None:
        at = min(task.due_at or now, now)
        if task.status is Status.WAITING:
            self._refine(task, tasks, at)
        elif task.status is Status.RUNNING:
            self.settle(task, Status.DONE, at)
        elif task.status in NEXT:
            self.settle(task, NEXT[task.status], at)
        else:
            task.due_at = None

    def _refine(self, task: Task, tasks: dict[int, Task], at: datetime) -> None:
        """Register a task, unless its name is taken or its parameters are no good."""
        survivor = _namesake(task, tasks)
        if survivor is not None:
            task.name = None
            task.error_dialog = (
                f"toabort since there is duplicated task -> jediTaskID={survivor.id}"
            )
            self.settle(task, Status.TO_ABORT, at)
        elif task.parameters.get("taskType") == "prod" and "taskPriority" not in task.parameters:
            task.error_dialog = "KeyError:'taskPriority'"
            self.settle(task, Status.TO_BROKEN, at)
        else:
            self.settle(task, Status.REGISTERED, at)

    def _execute(self, task: Task) -> None:
        command, at = task.command, task.command_due_at
        task.command = task.command_due_at = None
        if command is None or at is None:
            return
        if command == "pause" and task.status not in ENDED:
            task.old_status = task.status
            self.settle(task, Status.PAUSED, at)
        elif command == "resume":
            self.settle(task, task.old_status or Status.RUNNING, at)
            task.old_status = None
        elif command in {"retry", "incexec"}:
            task.run_again(self.panda_ids, everything=command == "incexec")
            task.error_dialog = ""
            self.settle(task, Status.TO_RETRY if command == "retry" else Status.TO_INCEXEC, at)
        elif command != "pause" and task.status not in ENDED:
            self.settle(task, Status.TO_ABORT if command == "kill" else Status.FINISHING, at)


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _with_twins(due: list[Task], tasks: dict[int, Task]) -> list[Task]:
    """The due tasks, the waiting ones with their namesakes, in the order of this cycle.

    One cycle of JEDI takes all that waits under a name, in an order that is not the order of
    arrival: either of two may survive.
    """
    names = {(task.user_name, task.name) for task in due if not task.is_refined}
    waiting = [
        task
        for task in tasks.values()
        if not task.is_refined and (task.user_name, task.name) in names
    ]
    others = [task for task in due if task.is_refined]
    return [*others, *sorted(waiting, key=lambda task: (task.rank, task.id))]


def _namesake(task: Task, tasks: dict[int, Task]) -> Task | None:
    """A refined task of the same user and name, for one that asked for a unique name."""
    if task.parameters.get("uniqueTaskName") is not True:
        return None
    owned = (task.user_name, task.name)
    others = (other for other in tasks.values() if other is not task and other.is_refined)
    return next((other for other in others if (other.user_name, other.name) == owned), None)
