"""The PanDA of the sandbox as a whole: state directory, server thread, and hands for tests."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

from deployments.sandbox.panda.application import Application
from deployments.sandbox.panda.cache import SandboxCache
from deployments.sandbox.panda.controls import Controls, TokenChange
from deployments.sandbox.panda.faults import Fault, FaultBox, FaultKind, When
from deployments.sandbox.panda.files import read_tasks, remove_unfinished, write_tasks
from deployments.sandbox.panda.jobs import NewJob, PutJobs
from deployments.sandbox.panda.journal import Journal
from deployments.sandbox.panda.methods import Panda
from deployments.sandbox.panda.server import HOST, Server
from deployments.sandbox.panda.sign_in import SignIn
from deployments.sandbox.panda.state import Pace, PandaState
from deployments.sandbox.panda.statuses import Status
from deployments.sandbox.panda.tokens import Issuer

_DEFAULT_PACE = Pace()


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
        pace: Pace = _DEFAULT_PACE,
    ) -> None:
        if refine_seconds is not None:
            pace = Pace(**{**pace.__dict__, "refine_seconds": refine_seconds})
        self.directory = directory
        self.config_root = directory / "pathena"
        for made in (directory, self.config_root):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_unfinished(made)
        self.issuer = Issuer(directory, "", token_seconds)
        self.faults = FaultBox()
        self._application = self._compose(pace)
        self._server = Server(self._application, port)
        self.url = f"http://{HOST}:{self._server.server_port}"
        self.issuer.url = self.url
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Write a good token, and serve in a thread."""
        self.issuer.write_token(self.config_root)
        self._thread = threading.Thread(target=self._server.run, name="sandbox-panda")
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; requests that hang are given up."""
        if self._thread is None:
            self.close()
            return
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
        entries = self._application.journal.read()
        return [entry for entry in entries if endpoint in {None, entry["endpoint"]}]

    def fault(
        self,
        endpoint: str,
        kind: FaultKind | str,
        when: When | str = When.BEFORE,
        **more: Any,
    ) -> None:
        """Let a fault happen; the rest as in `Fault`."""
        self.faults.add(
            Fault.model_validate({"endpoint": endpoint, "kind": kind, "when": when, **more})
        )

    def set_status(self, task_id: int, status: Status | str, *, failed_jobs: int = 0) -> None:
        """Put a task into a state by hand.

        Raises:
            KeyError: There is no such task.
        """
        if self._state.set_status(task_id, Status(status), failed_jobs=failed_jobs) is None:
            raise KeyError(task_id)

    def add_job(self, **job: Any) -> int:
        """Put a job here by hand, as `NewJob` has it; return its PandaID."""
        return self._application.panda.jobs.add(NewJob.model_validate(job)).panda_id

    def refine(self) -> None:
        """Let JEDI do at once all that waits for it."""
        self._state.refine_now()

    def change_tokens(self, **change: Any) -> None:
        """Change what becomes of tokens; see `TokenChange`."""
        self._application.controls.change_tokens(TokenChange.model_validate(change))

    @property
    def _state(self) -> PandaState:
        return self._application.panda.state

    def _compose(self, pace: Pace) -> Application:
        file = self.directory / "tasks.json"
        state = PandaState(pace, read_tasks(file), changed=lambda tasks: write_tasks(file, tasks))
        journal = Journal(self.directory / "journal.jsonl")
        jobs = PutJobs(self.directory / "jobs.json")
        panda = Panda(state, SandboxCache(self.directory / "cache"), jobs)
        controls = Controls(state, self.issuer, self.faults, journal, self.config_root, jobs)
        return Application(panda, SignIn(self.issuer), self.faults, journal, controls)
