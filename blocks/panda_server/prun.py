"""prun as a child process: bounded in time and output, in its own group, and never asked."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks.outside_calls import CallOutcome, System, counted
from blocks.panda_server.bounded_output import BoundedOutput
from blocks.panda_server.errors import PrunMissing, UnsafePath
from blocks.panda_server.process_group import ProcessGroup

_PLAIN_PATH = re.compile(r"/[\w./+@%,=:-]*", re.ASCII)
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class PrunOutcome:
    """How a prun ended.

    Attributes:
        returncode: its exit code, negative for a signal; None if its time was up.
        output: stdout and stderr as they came, without what exceeded the bound.
        is_timed_out: whether it was killed for its time.
        seconds: how long it ran.
        survivors: processes of it that could not be killed, which may still submit.
    """

    returncode: int | None
    output: str
    is_timed_out: bool
    seconds: float
    survivors: tuple[int, ...] = ()


def run_prun(
    arguments: Sequence[str],
    *,
    program: Path,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    started: Callable[[int], None] | None = None,
) -> PrunOutcome:
    """Run prun; when this returns or raises, nothing of it is left.

    The child leads a process group within this session, so that whoever ends the session ends it.
    Its stdin is closed: a question ends it. The token is blotted out of its output.

    Args:
        arguments: prun's, without the program; no shell sees them.
        program: prun itself.
        cwd: the sandbox, which prun packs and uploads.
        environment: the whole of it (see :func:`prun_environment`).
        timeout_seconds: after which the group gets SIGTERM, and 2 s later SIGKILL.
        started: gets the child's process id, also its group's.

    Raises:
        PrunMissing: `program` cannot be started.
        UnsafePath: `cwd` is no directory, or prun would hand its name to a shell.
    """
    with counted(System.PRUN) as call:
        outcome = _run(
            arguments,
            program=program,
            cwd=cwd,
            environment=environment,
            timeout_seconds=timeout_seconds,
            started=started,
        )
        if outcome.is_timed_out:
            call.outcome = CallOutcome.TIMEOUT
        elif outcome.returncode != 0:
            call.outcome = CallOutcome.REFUSED
    return outcome


def _run(
    arguments: Sequence[str],
    *,
    program: Path,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    started: Callable[[int], None] | None,
) -> PrunOutcome:
    require_plain(cwd)
    begun = time.monotonic()
    child = _start([os.fspath(program), *arguments], cwd, environment)
    output = BoundedOutput()
    group = ProcessGroup(child, output)
    survivors: tuple[int, ...] = ()
    try:
        if started is not None:
            started(child.pid)
        is_timed_out = not group.read_until_exit(timeout_seconds)
        if is_timed_out:
            group.ask_to_end()
            group.read_until_exit(_GRACE_SECONDS)
    finally:
        survivors = group.end()
    return PrunOutcome(
        returncode=None if is_timed_out else child.returncode,
        output=_without_token(output.text(), environment),
        is_timed_out=is_timed_out,
        seconds=time.monotonic() - begun,
        survivors=survivors,
    )


def require_plain(path: Path) -> None:
    """Check that a shell reads the absolute `path` as it stands.

    prun 2.2.0 and its wrapper hand the names of their directories, and of the files in the
    sandbox, to a shell.

    Raises:
        UnsafePath: It would not.
    """
    if not _PLAIN_PATH.fullmatch(os.fspath(path)):
        raise UnsafePath(f"prun cannot work with the path {os.fspath(path)!r}: blanks or quotes")


def _start(
    command: list[str], cwd: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,
            umask=0o077,
        )
    except OSError as error:
        if not cwd.is_dir():
            raise UnsafePath(f"the sandbox {cwd} is no directory") from error
        raise PrunMissing(f"{command[0]} cannot be started: {error.strerror}") from error


def _without_token(output: str, environment: Mapping[str, str]) -> str:
    token = environment.get("PANDA_AUTH_ID_TOKEN")
    return output.replace(token, "…") if token else output
