"""A task and its jobs, and the file in which the PanDA of the sandbox keeps them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deployments.sandbox.files import write_private
from deployments.sandbox.panda.statuses import Status

MOST_JOBS = 100
_FIRST_PANDA_ID = 1000
_VERSION = 1

_JOB_STATUS = {
    Status.READY: "activated",
    Status.PENDING: "activated",
    Status.SCOUTING: "running",
    Status.RUNNING: "running",
    Status.DONE: "finished",
    Status.FINISHED: "finished",
    Status.FAILED: "failed",
    Status.EXHAUSTED: "failed",
    Status.ABORTED: "cancelled",
    Status.BROKEN: "cancelled",
}
_OVER = frozenset({"finished", "failed", "cancelled"})


@dataclass
class Job:
    """One job of a task: its PandaID, its serial number among the task's files, its state."""

    panda_id: int
    serial: int
    status: str = "defined"
    attempt: int = 1

    @property
    def is_failed(self) -> bool:
        """Whether it ended without success."""
        return self.status in {"failed", "cancelled", "closed"}


@dataclass
class Task:
    """A task, waiting in the queue or known to JEDI.

    Attributes:
        name: taskName as submitted (prun's ends in a slash); None after JEDI dropped a duplicate.
        dn: The submitter's distinguished name, made from the token.
        due_at: When its state changes by itself; None when it waits for somebody.
        old_status: What a paused task goes back to.
        command: A command that JEDI has not executed yet, with its arguments.
        rank: Its place in the refinement of tasks that wait at the same time.
    """

    id: int
    name: str | None
    user_name: str
    dn: str
    parameters: dict[str, Any]
    created_at: datetime
    modified_at: datetime
    status: Status = Status.WAITING
    due_at: datetime | None = None
    old_status: Status | None = None
    error_dialog: str = ""
    command: str | None = None
    command_due_at: datetime | None = None
    rank: float = 0.0
    reactivations: int = 0
    extra_attempts: int = 0
    jobs: list[Job] = field(default_factory=list)

    @property
    def is_refined(self) -> bool:
        """Whether JEDI knows it: look-ups by name see nothing before."""
        return self.status is not Status.WAITING

    @property
    def label(self) -> str | None:
        """Its prodSourceLabel."""
        return self.parameters.get("prodSourceLabel")

    def move(self, status: Status, at: datetime) -> None:
        """Go to a state, the jobs with it."""
        self.status = status
        self.modified_at = at
        wanted = _JOB_STATUS.get(status)
        for job in self.jobs:
            if wanted is not None and job.status not in _OVER:
                job.status = wanted

    def run_again(self, next_panda_id: Iterator[int], *, everything: bool) -> None:
        """Replace its failed jobs, or all of them, by new attempts."""
        for job in self.jobs:
            if everything or job.is_failed:
                job.panda_id = next(next_panda_id)
                job.status = "defined"
                job.attempt += 1

    def make_jobs(self, next_panda_id: Iterator[int]) -> None:
        """Make the jobs that its parameters ask for, at most `MOST_JOBS`."""
        count = job_count(self.parameters)
        self.jobs = [Job(next(next_panda_id), serial) for serial in range(1, count + 1)]

    def as_json(self) -> dict[str, Any]:
        """Everything, for the state file and the sandbox's own API."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


_TASKS = TypeAdapter(list[Task])


def write_tasks(path: Path, tasks: Iterable[Task]) -> None:
    """Write the state file."""
    state = {"version": _VERSION, "tasks": [task.as_json() for task in tasks]}
    write_private(path, json.dumps(state))


def read_tasks(path: Path) -> list[Task]:
    """The tasks of the state file; none where there is no file."""
    if not path.exists():
        return []
    return _TASKS.validate_python(json.loads(path.read_text())["tasks"])


def job_count(parameters: Mapping[str, Any]) -> int:
    """How many jobs the parameters ask for: events or files over those of one job."""
    for total, per_job in (("nEvents", "nEventsPerJob"), ("nFiles", "nFilesPerJob")):
        wanted, share = parameters.get(total), parameters.get(per_job) or 1
        if isinstance(wanted, int) and isinstance(share, int) and wanted > 0 and share > 0:
            return min(MOST_JOBS, math.ceil(wanted / share))
    return 1


def panda_ids(tasks: Mapping[int, Task]) -> Iterator[int]:
    """PandaIDs that no job has, upwards for ever."""
    used = (job.panda_id for task in tasks.values() for job in task.jobs)
    return itertools.count(max(used, default=_FIRST_PANDA_ID) + 1)
