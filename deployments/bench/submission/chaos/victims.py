"""The processes of the stack that are killed: found by what they are, killed by their id alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import psutil
from sqlalchemy import select

from deployments.bench.common.process_worker import ProcessWorker
from deployments.bench.common.stack import BenchStack
from deployments.bench.submission.chaos.schedule import SERVER_LIMIT_SECONDS, Victim
from deployments.stack.errors import StackDown
from deployments.stack.readiness import answers
from flows.common import sessions
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import Request
from flows.submission.models import SubmissionAttempt

_PARTS: Final = (Victim.WORKER, Victim.API, Victim.PREFECT, Victim.POSTGRES)
"""The parts of the stack among them, whose names they are."""
_PATIENCE_SECONDS: Final = 5.0
_PRUN_PATIENCE_SECONDS: Final = SERVER_LIMIT_SECONDS + 5.0  # a resending waits for the server
_POLL_SECONDS: Final = 0.02
_PRUN: Final = "pandaclient.PrunScript"
_SHELL: Final = "bin/prun"
_GUARDIAN: Final = "deployments.worker.guardian"


class Victims:
    """Finds and kills processes of one stack."""

    def __init__(self, running: BenchStack, pool_worker: ProcessWorker | None = None) -> None:
        self._running = running
        self._pool_worker = pool_worker
        self._stack = running.stack
        self._known: dict[Victim, psutil.Process] = {}
        self._lock = threading.Lock()

    def look(self) -> None:
        """Note which processes the parts are, so that a kill finds its victim at once."""
        with self._lock:
            for victim in (*_PARTS, Victim.GUARDIAN):
                if not _is_alive(self._known.get(victim)):
                    found = (
                        self.guardian() if victim is Victim.GUARDIAN else self._part(victim.value)
                    )
                    if found is not None:
                        self._known[victim] = found

    def kill(self, victim: Victim, *, request_id: int, panda_name: str, delay: float) -> str:
        """Kill a victim after the delay; gives what was killed, in words."""
        if victim in {Victim.PRUN, Victim.PRUN_SHELL}:
            wanted = _PRUN if victim is Victim.PRUN else _SHELL
            process = _patiently(lambda: self._prun(wanted, panda_name), _PRUN_PATIENCE_SECONDS)
            time.sleep(delay)
        elif victim is Victim.RUN:
            time.sleep(delay)
            process = self._run(request_id)
        elif victim in {Victim.POOL_WORKER, Victim.POOL_WORKER_AND_RUN}:
            time.sleep(delay)
            return self._kill_pool_worker(request_id, with_run=victim is not Victim.POOL_WORKER)
        else:
            time.sleep(delay)
            process = self._known.get(victim)
            if not _is_alive(process):
                process = _patiently(lambda: self._found_again(victim), _PATIENCE_SECONDS)
        return _killed(victim, process)

    def _kill_pool_worker(self, request_id: int, *, with_run: bool) -> str:
        """Kill Prefect's own worker, and the process that it started for a request."""
        worker = self._pool_worker.process if self._pool_worker is not None else None
        run = self._run(request_id) if with_run else None
        done = _killed(Victim.POOL_WORKER, worker)
        return f"{done}; {_killed(Victim.RUN, run)}" if with_run else done

    def are_back(self) -> bool:
        """Whether every part does its work again."""
        self.look()
        stack = self._stack
        worker = self._part("worker")
        return (
            worker is not None
            and stack.layout.is_ready("worker", worker.pid)
            and self.guardian() is not None
            and (self._pool_worker is None or self._pool_worker.process is not None)
            and answers(f"{stack.api_url}/api/health/")
            and answers(f"{stack.prefect_url}/health")
        )

    def runs(self) -> list[psutil.Process]:
        """The processes of the runs that are under way."""
        others = self._pool_worker.runs() if self._pool_worker is not None else []
        return [*_children(self.guardian()), *others]

    def pruns(self) -> list[int]:
        """Pids of prun and its shell that live, whoever's child they are."""
        return [each.pid for each in self._pruns()]

    def _pruns(self) -> Iterator[psutil.Process]:
        mark = f"{self._stack.state_dir}:"
        for each in psutil.process_iter(["environ"]):
            given = (each.info["environ"] or {}).get(sessions.MARKER, "")
            if given.startswith(mark) and _is_prun(each):
                yield each

    # -------------------------------------------------------------- finding

    def _found_again(self, victim: Victim) -> psutil.Process | None:
        self.look()
        found = self._known.get(victim)
        return found if _is_alive(found) else None

    def _part(self, part: str) -> psutil.Process | None:
        try:
            return psutil.Process(self._stack.pid(part))
        except (StackDown, psutil.NoSuchProcess):
            return None

    def guardian(self) -> psutil.Process | None:
        """The process that starts the runs; None where there is none."""
        workers = _children(self._part("worker"))
        return next((each for each in workers if _GUARDIAN in _command(each)), None)

    def _run(self, request_id: int) -> psutil.Process | None:
        """The run of a request: by its session, else by when it was started."""
        runs = self.runs()
        try:
            with transaction(self._running.engine) as session:
                request = session.get(Request, request_id)
                leader = session.scalar(
                    select(SubmissionAttempt.sender_session).where(
                        SubmissionAttempt.request_id == request_id
                    )
                )
        except DatabaseUnavailable:
            return runs[0] if runs else None
        started = request.started_at.timestamp() if request and request.started_at else 0.0
        return min(
            runs,
            key=lambda run: (run.pid != leader, abs(_started(run) - started)),
            default=None,
        )

    def _prun(self, wanted: str, panda_name: str) -> psutil.Process | None:
        for process in self._pruns():
            words = _command(process)
            if wanted in words and panda_name in words:
                return process
        return None


def _killed(victim: Victim, process: psutil.Process | None) -> str:
    """Kill the process of a victim; gives what came of it, in words."""
    if process is None:
        return f"{victim} was not there"
    try:
        process.kill()  # psutil sees that the id is still this process's
    except psutil.NoSuchProcess:
        return f"{victim} had ended"
    return f"{victim} killed, pid {process.pid}"


def _patiently(find: Callable[[], psutil.Process | None], seconds: float) -> psutil.Process | None:
    deadline = time.monotonic() + seconds
    while (found := find()) is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def _is_prun(process: psutil.Process) -> bool:
    words = _command(process)
    return (_PRUN in words or _SHELL in words) and _is_alive(process)


def _is_alive(process: psutil.Process | None) -> bool:
    return process is not None and process.is_running() and sessions.is_alive(process.pid)


def _children(process: psutil.Process | None, *, recursive: bool = False) -> list[psutil.Process]:
    try:
        found = process.children(recursive) if process is not None else []
    except psutil.NoSuchProcess:
        return []
    return [child for child in found if _is_alive(child)]


def _started(process: psutil.Process) -> float:
    try:
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return 0.0


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
