"""Starts one program that dies with its parent: ``python -m deployments.stack.leash SPEC``.

The JSON file SPEC (see :class:`Spec`) holds the whole command and environment, so that neither is
quoted into another program's configuration. Linux only (``prctl``).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_GET_PDEATHSIG = 2
_PR_SET_CHILD_SUBREAPER = 36

MARK = "prodops: starting "
"""What the line begins with that marks each start of a part in its log."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A program to run.

    Attributes:
        name: Name for the log's start mark.
        argv: The command, an argument vector.
        environment: The whole environment of the program; nothing is inherited.
        death_signal: What the program gets when its parent ends.
        parent: Pid of the expected parent, or a file that holds it.
        is_subreaper: Whether orphaned descendants become this program's children.
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    death_signal: int
    parent: str
    is_subreaper: bool = False

    def write(self, path: Path) -> None:
        """Write the specification for :func:`main` to read."""
        path.write_text(json.dumps(asdict(self), indent=1))


def die_with_parent(death_signal: int, parent_pid: int) -> None:
    """Have this process signalled when its parent, `parent_pid`, ends; end now if it has."""
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def death_signal() -> int:
    """The signal that this process gets when its parent ends; 0: none."""
    value = ctypes.c_int()
    _prctl(_PR_GET_PDEATHSIG, ctypes.byref(value))
    return value.value


def main() -> None:
    """Read the specification and become the program."""
    spec = Spec(**json.loads(Path(sys.argv[1]).read_text()))
    die_with_parent(spec.death_signal, _expected_parent(spec.parent))
    if spec.is_subreaper:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    print(f"{MARK}{spec.name} (pid {os.getpid()}) at {now}", flush=True)  # noqa: T201 - to its log
    os.execve(spec.argv[0], spec.argv, spec.environment)  # noqa: S606 - no shell is wanted


def _expected_parent(parent: str) -> int:
    return int(parent if parent.isdecimal() else Path(parent).read_text())


def _prctl(option: int, argument: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main()
