"""The PanDA of the sandbox as a whole: state directory, server thread, and hands for tests."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from deployments.sandbox.files import remove_unfinished
from deployments.sandbox.panda.application import Application
from deployments.sandbox.panda.cache import SandboxCache
from deployments.sandbox.panda.controls import Controls, TokenChange
from deployments.sandbox.panda.faults import Fault, FaultBox, When
from deployments.sandbox.panda.jobs import NewJob, PutJobs
from deployments.sandbox.panda.journal import Journal
from deployments.sandbox.panda.methods import Panda
from deployments.sandbox.panda.server import HOST, Server
from deployments.sandbox.panda.sign_in import SignIn
from deployments.sandbox.panda.state import Pace, PandaState
from deployments.sandbox.panda.statuses import Status
from deployments.sandbox.panda.tasks import read_tasks, write_tasks
from deployments.sandbox.panda.tokens import Issuer


class PandaSandbox:
    """A PanDA on loopback that lives in a directory, which a restarted one goes on from.

    Attributes:
        url: ``http://127.0.0.1:<port>``, what prun gets as PANDA_URL_SSL.
        directory: State: ``tasks.json``, ``jobs.json``, ``journal.jsonl``, ``cache/``, keys.
        config_root: Directory with ``.token``, what prun gets as PANDA_CONFIG_ROOT.
        issuer: What makes and checks tokens.
        faults: The faults that wait.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        token_seconds: float = 86_400.0,
        refine_seconds: float | None = None,
        pace: Pace | None = None,
    ) -> None:
        pace = pace or Pace()
        if refine_seconds is not None:
            pace = replace(pace, refine_seconds=refine_seconds)
        self.directory = directory
        self.config_root = directory / "pathena"
        for made in (directory, self.config_root):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_unfinished(made)
        tasks_file = directory / "tasks.json"
        self._state = PandaState(
            pace, read_tasks(tasks_file), changed=lambda tasks: write_tasks(tasks_file, tasks)
        )
        self._jobs = PutJobs(directory / "jobs.json")
        self._journal = Journal(directory / "journal.jsonl")
        self.issuer = Issuer(directory, "", token_seconds)
        self.faults = FaultBox()
        panda = Panda(self._state, SandboxCache(directory / "cache"), self._jobs)
        self._controls = Controls(panda, self.issuer, self.faults, self._journal, self.config_root)
        self._server = Server(
            Application(panda, SignIn(self.issuer), self.faults, self._journal, self._controls),
            port,
        )
        self.issuer.url = self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.run, name="sandbox-panda")

    def __enter__(self) -> Self:
        """Write a good token, and serve in a thread."""
        self.issuer.write_token(self.config_root)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; requests that hang are given up."""
        self._server.stop()
        self._thread.join()

    def close(self) -> None:
        """Give up one that was never started."""
        self._server.server_close()

    def token(self, *, seconds: float | None = None, **claims: Any) -> str:
        """An id_token of these claims, or of the sandbox's user, good for so many seconds."""
        return str(self.issuer.issue(seconds=seconds, **claims)["id_token"])

    def tasks(self) -> list[dict[str, Any]]:
        """Every task, the waiting ones too, as ``GET /_sandbox/tasks`` gives them."""
        return [task.as_json() for task in self._state.all()]

    def tasks_named(self, name: str) -> list[dict[str, Any]]:
        """The tasks that were submitted under a name, with or without prun's slash.

        A duplicate that JEDI dropped is among them, though its own name is gone.
        """
        bare = name.rstrip("/")
        return [task for task in self.tasks() if task["parameters"]["taskName"].rstrip("/") == bare]

    def journal(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """Every request, or those to one endpoint, the oldest first."""
        entries = self._journal.read()
        return [entry for entry in entries if endpoint in {None, entry["endpoint"]}]

    def fault(self, endpoint: str, kind: str, when: str = When.BEFORE, **more: Any) -> None:
        """Let a fault happen; the rest as in `Fault`."""
        asked = {"endpoint": endpoint, "kind": kind, "when": when, **more}
        self.faults.add(Fault.model_validate(asked))

    def set_status(self, task_id: int, status: str, *, failed_jobs: int = 0) -> None:
        """Put a task into a state by hand.

        Raises:
            KeyError: There is no such task.
        """
        if self._state.set_status(task_id, Status(status), failed_jobs=failed_jobs) is None:
            raise KeyError(task_id)

    def add_job(self, **job: Any) -> int:
        """Put a job here by hand, as `NewJob` has it; return its PandaID."""
        return self._jobs.add(NewJob.model_validate(job)).panda_id

    def refine(self) -> None:
        """Let JEDI do at once all that waits for it."""
        self._state.refine_now()

    def change_tokens(self, **change: Any) -> None:
        """Change what becomes of tokens; see `TokenChange`."""
        self._controls.change_tokens(TokenChange.model_validate(change))
