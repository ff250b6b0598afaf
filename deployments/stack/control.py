"""supervisord, asked over its control socket: what the parts do, and to start and stop them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from deployments.stack.errors import PartFailed, StackDown
from deployments.stack.layout import Layout

_ENDED = {"STOPPED", "EXITED", "FATAL"}


@dataclass(frozen=True)
class PartState:
    """What supervisord knows of a part.

    Attributes:
        name: The part's name.
        state: supervisord's word: RUNNING, STARTING, BACKOFF, FATAL, STOPPED, …
        pid: Its process, if there is one.
        since: When that process started.
        exit_status: With which its last process ended; 0 where none has.
        reason: Why it could not be started, where it could not.
    """

    name: str
    state: str
    pid: int | None
    since: datetime | None
    exit_status: int = 0
    reason: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has stood its first seconds."""
        return self.state == "RUNNING"

    @property
    def has_fallen(self) -> bool:
        """Whether it ended before it had stood its first seconds."""
        return self.state in {"BACKOFF", "FATAL"}

    @property
    def is_ended(self) -> bool:
        """Whether it has no process and will get none by itself."""
        return self.state in _ENDED


class Control:
    """The supervisord of one state directory; `what` it runs there is named where it is down."""

    def __init__(self, layout: Layout, what: str = "stack") -> None:
        self._layout = layout
        self._what = what

    def states(self) -> list[PartState]:
        """Every part's state.

        Raises:
            StackDown: No supervisord answers; so do all the others here.
        """
        with self._call() as supervisor:
            return [_state(info) for info in supervisor.getAllProcessInfo()]

    def state(self, name: str) -> PartState:
        """One part's state."""
        with self._call() as supervisor:
            return _state(supervisor.getProcessInfo(name))

    def start(self, name: str) -> None:
        """Start a part if it is not started; do not wait for it.

        Raises:
            PartFailed: supervisord cannot start it.
        """
        with self._call() as supervisor, _accepting(Faults.ALREADY_STARTED, name):
            supervisor.startProcess(name, False)

    def stop(self, name: str) -> None:
        """Ask a part to end if it is started; do not wait for it."""
        with self._call() as supervisor, _accepting(Faults.NOT_RUNNING, name):
            supervisor.stopProcess(name, False)

    def reload(self) -> tuple[list[str], list[str]]:
        """Read the configuration again; gives the names of the parts that are new, and gone.

        New ones are to be added, and those that are gone to be removed, by the methods below.
        """
        with self._call() as supervisor:
            (new, _, gone), *_ = supervisor.reloadConfig()
            return list(new), list(gone)

    def add(self, name: str) -> None:
        """Take up a part that is new in the configuration."""
        with self._call() as supervisor, _accepting(Faults.ALREADY_ADDED, name):
            supervisor.addProcessGroup(name)

    def remove(self, name: str) -> None:
        """Give up a part that has ended."""
        with self._call() as supervisor, _accepting(Faults.BAD_NAME, name):
            supervisor.removeProcessGroup(name)

    def shut_down(self) -> None:
        """End supervisord, and what it still runs."""
        with self._call() as supervisor:
            supervisor.shutdown()

    @contextmanager
    def _call(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._layout.socket}")
        try:
            yield cast("Any", ServerProxy("http://127.0.0.1", transport=transport)).supervisor
        except (OSError, http.client.HTTPException) as error:
            place = self._layout.state_dir
            raise StackDown(f"no {self._what} runs with its state in {place}") from error
        finally:
            transport.close()


@contextmanager
def _accepting(code: int, name: str) -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        if fault.faultCode != code:
            raise PartFailed(name, fault.faultString) from fault


def _state(info: dict[str, Any]) -> PartState:
    pid = info["pid"] or None
    since = datetime.fromtimestamp(info["start"], UTC) if pid else None
    status, reason = info.get("exitstatus", 0), info.get("spawnerr", "")
    return PartState(info["name"], info["statename"], pid, since, status, reason)
