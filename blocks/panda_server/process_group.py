"""A child and its process group: waited for with a limit, and ended without a rest."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import ExitStack, suppress

import psutil

from blocks.panda_server.bounded_output import BoundedOutput

_PIPE_READS = 64
_REAP_SECONDS = 5.0
_LOOK_SECONDS = 0.005
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class ProcessGroup:
    """A child that leads its own process group, and whose output goes into a bound.

    Needs Linux (pidfd), and that nobody else reaps the child: until it is reaped here, its group's
    number is taken, and no signal can hit another's group.
    """

    def __init__(self, child: subprocess.Popen[bytes], output: BoundedOutput) -> None:
        if child.stdout is None:
            raise ValueError("the child's output must be a pipe")
        self._child = child
        self._stdout = child.stdout
        self._pipe = child.stdout.fileno()
        self._output = output
        os.set_blocking(self._pipe, False)

    def read_until_exit(self, seconds: float) -> bool:
        """Read the child's output until it exits; False if it has not after so long."""
        deadline = time.monotonic() + seconds
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            exit_handle = os.pidfd_open(self._child.pid)
            stack.callback(os.close, exit_handle)
            selector.register(exit_handle, selectors.EVENT_READ)
            selector.register(self._pipe, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = {key.fd for key, _ in selector.select(left)}
                if self._pipe in ready and self._read() == 0:
                    selector.unregister(self._pipe)
                if exit_handle in ready:
                    return True
        return False

    def ask_to_end(self) -> None:
        """Send SIGTERM to the whole group."""
        self._signal(signal.SIGTERM)

    def end(self) -> tuple[int, ...]:
        """Kill whoever is left of the group, reap the child, take what is left of the output.

        Returns:
            Processes that live all the same: those that a kernel call holds.
        """
        self._signal(signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_REAP_SECONDS)
        survivors = self._wait_until_gone()
        for _ in range(_PIPE_READS):  # a process outside the group may hold the pipe, and write
            if not self._read():
                break
        self._stdout.close()
        return survivors

    def _read(self) -> int | None:
        """Read once: how many bytes came, 0 at the end, None where none are there."""
        try:
            chunk = os.read(self._pipe, 1 << 16)
        except BlockingIOError:
            return None
        self._output.add(chunk)
        return len(chunk)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def _wait_until_gone(self) -> tuple[int, ...]:
        deadline = time.monotonic() + _REAP_SECONDS
        while (alive := group_members(self._child.pid)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return alive


def group_members(group: int) -> tuple[int, ...]:
    """The processes of a group that live; zombies, which only wait to be reaped, do not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return ()
    return tuple(pid for pid in psutil.pids() if _lives_in(pid, group))


def _lives_in(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group and psutil.Process(pid).status() not in _ENDED
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
