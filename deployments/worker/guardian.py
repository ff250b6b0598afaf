"""The guardian: starts each run warm, and sees that nothing of it outlives its time.

A process of its own, outside the worker, with one thread: it has imported what flows need, forks a
child for a run, ends its whole session on time-out, stop or a lost worker, and kills at its start
what a former guardian left. It starts no thread, and holds no connection open: no fork would keep
them.
"""

from __future__ import annotations

import gc
import mmap
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Final

from blocks import outside_calls
from deployments import parent_death
from deployments.worker import session
from deployments.worker.priority import give_way
from deployments.worker.protocol import (
    Ended,
    EndReason,
    Intent,
    Message,
    Ping,
    Pong,
    Start,
    Started,
    Stop,
    decode,
    encode,
)
from flows.common.sessions import MARKER
from flows.common.settings import settings

_TICK_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 30.0
_READ_BYTES: Final = 1 << 20


@dataclass
class _Run:
    """A run's process, and how it is to end."""

    name: str
    pid: int
    grace_seconds: float
    stop_at: float
    counted: mmap.mmap
    kill_at: float | None = None
    reason: EndReason = EndReason.EXITED
    status: int | None = None


class Guardian:
    """Serves one worker over `worker`, until that closes."""

    def __init__(self, worker: socket.socket) -> None:
        self._worker = worker
        self._runs: dict[str, _Run] = {}
        self._buffer = b""
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)

    def serve(self) -> None:
        """Serve until the worker closes its end; then nothing is left running."""
        signal.signal(signal.SIGCHLD, _noted)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self._worker, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        is_connected = True
        while is_connected:
            for key, _ in selector.select(_TICK_SECONDS if self._runs else _IDLE_SECONDS):
                if key.fileobj is self._worker:
                    is_connected = self._read() and is_connected
                else:
                    self._woken.recv(4096)
            self._reap()
            self._keep_time()
        self._kill_all()

    # -------------------------------------------------------------- the worker

    def _read(self) -> bool:
        data = self._worker.recv(_READ_BYTES)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            message = decode(line)
            if isinstance(message, Start):
                self._start(message)
            elif isinstance(message, Stop):
                self._stop(message)
            elif isinstance(message, Ping):
                self._say(Pong())
        return bool(data)

    def _say(self, message: Message) -> None:
        with suppress(OSError):  # the worker is gone; the next read says so
            self._worker.sendall(encode(message))

    def _start(self, order: Start) -> None:
        guardian = os.getpid()
        counted = mmap.mmap(-1, outside_calls.SIZE_BYTES)  # both write it: the run's, and ours
        pid = os.fork()
        if pid == 0:
            self._become(order, guardian, counted)
        self._runs[order.run] = _Run(
            name=order.run,
            pid=pid,
            grace_seconds=order.grace_seconds,
            stop_at=time.monotonic() + order.timeout_seconds,
            counted=counted,
        )
        self._say(Started(run=order.run, pid=pid))

    def _become(self, order: Start, guardian: int, counted: mmap.mmap) -> None:
        """Be the run's process; never returns."""
        code = 1
        try:
            os.setsid()
            parent_death.die_with_parent(guardian)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            for end in (self._worker, self._woken, self._wake):
                end.close()
            outside_calls.calls.share(memoryview(counted))
            give_way(order.nice)
            from deployments.worker import launch  # noqa: PLC0415 - imported before the fork

            code = launch.run(order)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, order: Stop) -> None:
        run = self._runs.get(order.run)
        if run is not None and run.kill_at is None:
            self._terminate(run, EndReason.STOPPED, order.intent, order.grace_seconds)

    # -------------------------------------------------------------- the runs

    def _terminate(self, run: _Run, reason: EndReason, intent: Intent, grace: float) -> None:
        run.reason = reason
        run.kill_at = time.monotonic() + grace
        if run.status is None:
            # The launcher's handler of SIGUSR1 or SIGUSR2 notes the intent, before SIGTERM acts.
            noted = signal.SIGUSR1 if intent is Intent.CANCEL else signal.SIGUSR2
            os.kill(run.pid, noted)
            os.kill(run.pid, signal.SIGTERM)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for run in self._runs.values():
                if run.pid == pid:
                    run.status = os.waitstatus_to_exitcode(status)

    def _keep_time(self) -> None:
        moment = time.monotonic()
        for run in list(self._runs.values()):
            if run.status is not None:
                self._finalize(run)
            elif run.kill_at is not None and moment >= run.kill_at:
                session.signal_session(run.pid, signal.SIGKILL)
            elif run.kill_at is None and moment >= run.stop_at:
                self._terminate(run, EndReason.TIMED_OUT, Intent.RESCHEDULE, run.grace_seconds)

    def _finalize(self, run: _Run) -> None:
        """Say that the run has ended, once nothing of its session is left."""
        if session.signal_session(run.pid, signal.SIGKILL):
            return
        del self._runs[run.name]
        with run.counted, memoryview(run.counted) as memory:
            calls = outside_calls.read(memory)
        code = run.status or 0
        self._say(Ended(run=run.name, reason=run.reason, exit_code=code, calls=calls))

    def _kill_all(self) -> None:
        while sum(session.signal_session(run.pid, signal.SIGKILL) for run in self._runs.values()):
            self._reap()
            time.sleep(0.01)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Let the wake-up descriptor tell of the signal."""


def main() -> None:
    """Run the guardian on the socket whose descriptor is the argument."""
    marker = os.environ[MARKER]
    parent_death.adopt_orphans()
    for pid in session.kill_leftovers(marker):
        print(f"guardian: killed process {pid}, left by a former worker", flush=True)  # noqa: T201
    from deployments.prefect_access import configure_client  # noqa: PLC0415 - slow, as the next
    from deployments.worker import preloading  # noqa: PLC0415 - not needed to clean up

    configure_client(settings())  # it reads the password itself: its environment is the runs'
    preloading.preload()
    gc.collect()
    gc.freeze()
    worker = socket.socket(fileno=int(sys.argv[1]))
    worker.sendall(b"\n")  # ready
    Guardian(worker).serve()


if __name__ == "__main__":
    main()
