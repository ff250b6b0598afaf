"""The sandbox's own API under ``/_sandbox/``: faults, states, jobs, tokens, and what happened."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.sandbox.panda.faults import Fault, FaultBox
from deployments.sandbox.panda.jobs import NewJob
from deployments.sandbox.panda.journal import Journal
from deployments.sandbox.panda.methods import Panda
from deployments.sandbox.panda.protocol import Answer
from deployments.sandbox.panda.requests import BadBody, Request
from deployments.sandbox.panda.statuses import Status
from deployments.sandbox.panda.tokens import Issuer

_TASK = re.compile(r"^tasks/(\d+)/?$")


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Status
    failed_jobs: int = Field(0, ge=0)


class TokenChange(BaseModel):
    """What becomes of tokens; what is left out stays as it is.

    Attributes:
        seconds: How long the next tokens are good.
        expire: Whether those that there are expire now, whatever they say.
        refuse_refresh: Whether refresh tokens are accepted no longer.
        write: Whether a fresh ``.token`` is written for the sandbox's user.
    """

    model_config = ConfigDict(extra="forbid")

    seconds: float | None = None
    expire: bool = False
    refuse_refresh: bool | None = None
    write: bool = False


@dataclass
class Controls:
    """What tests and people steer the sandbox with; no token is needed."""

    panda: Panda
    issuer: Issuer
    faults: FaultBox
    journal: Journal
    config_root: Path

    def answer(self, request: Request) -> Answer:
        """The answer to a request under ``/_sandbox/``."""
        what = request.path.removeprefix("/_sandbox/").strip("/")
        try:
            return self._read(what) if request.method == "GET" else self._change(what, request)
        except (BadBody, ValidationError) as error:
            return Answer.json({"detail": str(error)}, 400)

    def change_tokens(self, change: TokenChange) -> None:
        """Let tokens live shorter or longer, expire, or be renewed no longer."""
        if change.seconds is not None:
            self.issuer.seconds = change.seconds
        if change.expire:
            self.issuer.expired_before = time.time()
        if change.refuse_refresh is not None:
            self.issuer.is_refresh_refused = change.refuse_refresh
        if change.write:
            self.issuer.write_token(self.config_root)

    def _read(self, what: str) -> Answer:
        if what == "tasks":
            return Answer.json([task.as_json() for task in self.panda.state.all()])
        if what == "jobs":
            return Answer.json([asdict(job) for job in self.panda.jobs.all()])
        if what == "journal":
            return Answer.json(self.journal.read())
        if what == "faults":
            return self._waiting()
        found = _TASK.match(what)
        task = self.panda.state.get(int(found.group(1))) if found else None
        return Answer.json(task.as_json()) if task else _unknown(what)

    def _change(self, what: str, request: Request) -> Answer:
        if what == "faults" and request.method == "DELETE":
            self.faults.clear()
            return self._waiting()
        body: dict[str, Any] = request.json()
        if what == "faults":
            self.faults.add(Fault.model_validate(body))
            return self._waiting()
        if what == "jobs":
            return Answer.json(asdict(self.panda.jobs.add(NewJob.model_validate(body))))
        if what == "tokens":
            self.change_tokens(TokenChange.model_validate(body))
            return Answer.json({"seconds": self.issuer.seconds})
        if what == "refine":
            self.panda.state.refine_now()
            return self._read("tasks")
        return self._change_task(what, body)

    def _change_task(self, what: str, body: dict[str, Any]) -> Answer:
        found = _TASK.match(what)
        if found is None:
            return _unknown(what)
        change = _Change.model_validate(body)
        task = self.panda.state.set_status(
            int(found.group(1)), change.status, failed_jobs=change.failed_jobs
        )
        return Answer.json(task.as_json()) if task else _unknown(what)

    def _waiting(self) -> Answer:
        return Answer.json([fault.model_dump(mode="json") for fault in self.faults.waiting()])


def _unknown(what: str) -> Answer:
    return Answer.json({"detail": f"there is no {what}"}, 404)
