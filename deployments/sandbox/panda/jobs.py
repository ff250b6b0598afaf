"""Jobs that somebody put here by hand, beside those of the sandbox's tasks; kept in a file."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deployments.sandbox.files import private_text, write_private

_FIRST_PANDA_ID = 500_001
"""Far from those of the sandbox's tasks."""


class NewJob(BaseModel):
    """A job to be put here; one of the same PandaID is replaced.

    Attributes:
        panda_id: None: the next that is free.
        log: scope and name of its log in Rucio; None: it has none yet.
    """

    model_config = ConfigDict(extra="forbid")

    panda_id: int | None = Field(None, gt=0)
    jedi_task_id: int | None = Field(None, gt=0)
    status: str = Field("finished", pattern="^[a-z]{1,20}$")
    log: tuple[str, str] | None = None


@dataclass(frozen=True)
class PutJob:
    """A job as it is kept."""

    panda_id: int
    jedi_task_id: int | None
    status: str
    scope: str | None
    lfn: str | None
    created_at: str

    def description(self) -> dict[str, Any]:
        """What ``job/get_description`` gives of it."""
        at = datetime.fromisoformat(self.created_at)
        log = {
            "PandaID": self.panda_id,
            "lfn": self.lfn,
            "type": "log",
            "scope": self.scope,
            "dataset": f"{self.scope}.log/",
            "status": "ready",
        }
        return {
            "PandaID": self.panda_id,
            "jediTaskID": self.jedi_task_id,
            "taskID": self.jedi_task_id,
            "jobStatus": self.status,
            "attemptNr": 1,
            "creationTime": at,
            "modificationTime": at,
            "computingSite": "SANDBOX",
            "Files": [log] if self.lfn is not None else [],
        }


class PutJobs:
    """The jobs by PandaID; a change is in the file before it is answered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        kept = [PutJob(**job) for job in json.loads(private_text(path, "[]"))]
        self._jobs = {job.panda_id: job for job in kept}

    def add(self, new: NewJob) -> PutJob:
        """Put a job here."""
        with self._lock:
            scope, lfn = new.log or (None, None)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            panda_id = new.panda_id or max([_FIRST_PANDA_ID - 1, *self._jobs]) + 1
            job = PutJob(panda_id, new.jedi_task_id, new.status, scope, lfn, at)
            self._jobs[panda_id] = job
            write_private(self._path, json.dumps([asdict(each) for each in self._jobs.values()]))
            return job

    def get(self, panda_id: int) -> PutJob | None:
        """The job of that PandaID."""
        with self._lock:
            return self._jobs.get(panda_id)

    def all(self) -> list[PutJob]:
        """Every job, in the order of putting."""
        with self._lock:
            return list(self._jobs.values())
