"""Where a stack keeps what: every path below its state directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import ProdOpsError
from deployments.stack.errors import StateUnusable

_SOCKET_LIMIT_BYTES = 100
"""A Unix socket's path may have 107 bytes, and supervisor binds one with a suffix of its pid."""


class Layout:
    """The files and directories of the stack whose state is in `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.secrets = state_dir / "secrets"
        """Directory (0700) of passwords, one file (0600) each."""
        self.logs = state_dir / "logs"
        """Directory of one log per part, and supervisord's."""
        self.specs = state_dir / "parts"
        """Directory of each part's command and environment."""
        self.prefect_home = state_dir / "prefect"
        """Prefect's own directory, so that it leaves ``~/.prefect`` alone."""
        self.supervisor_config = state_dir / "supervisord.conf"
        """The configuration of supervisord, generated."""
        self.supervisor_pid = state_dir / "supervisord.pid"
        """File that supervisord writes its pid to before it starts a part."""
        self.supervisor_log = self.logs / "supervisord.log"
        """What supervisord did: starts, exits, give-ups."""
        self.lock = state_dir / "up.lock"
        """File that a running ``prodops up`` holds locked; its pid is in it."""
        self.digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
        """A short name for this state directory, the same each time."""

    @property
    def socket(self) -> Path:
        """The control socket of supervisord; elsewhere when that path is too long."""
        beside = self.state_dir / "supervisor.sock"
        if len(os.fsencode(beside)) <= _SOCKET_LIMIT_BYTES:
            return beside
        # not $XDG_RUNTIME_DIR: `prodops status` from cron or another login must find it too
        short = Path(f"/tmp/prodops-{os.getuid()}-{self.digest}")  # noqa: S108 - checked private
        return short / "supervisor.sock"

    def sandbox(self, name: str) -> Path:
        """What a service of the sandbox keeps."""
        return self.state_dir / "sandbox" / name

    def log(self, part: str) -> Path:
        """The log of a part."""
        return self.logs / f"{part}.log"

    def spec(self, part: str) -> Path:
        """The command and environment of a part."""
        return self.specs / f"{part}.json"

    def ready(self, part: str) -> Path:
        """File that a part without an address writes its pid to when it does its work."""
        return self.specs / f"{part}.ready"

    def is_ready(self, part: str, pid: int | None) -> bool:
        """Whether the part's process `pid` has said that it does its work."""
        try:
            return pid is not None and self.ready(part).read_text() == str(pid)
        except FileNotFoundError:
            return False

    def say_ready(self, part: str) -> None:
        """Say that this process does the part's work; nothing where no stack started it."""
        if self.specs.is_dir():
            self.ready(part).write_text(str(os.getpid()))

    def create(self) -> None:
        """Make the directories that are not there yet, for the owner only.

        Raises:
            ProdOpsError: A directory that must be private is another user's or open to others.
        """
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (self.secrets, self.specs, self.logs, self.prefect_home):
            private_directory(directory)
        if self.socket.parent != self.state_dir:
            private_directory(self.socket.parent)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Do what needs the state directory.

        Raises:
            StateUnusable: It is not there, closed, read-only, full, or no directory.
        """
        try:
            yield
        except OSError as error:
            at = f": {error.filename}" if error.filename not in {None, str(self.state_dir)} else ""
            raise StateUnusable(
                f"the state directory {self.state_dir} cannot be used ({error.strerror}{at}); "
                "set PRODOPS_STATE_DIR to another one"
            ) from error

    def remove_socket_directory(self) -> None:
        """Remove the directory of the socket, where that is outside the state directory."""
        if self.socket.parent != self.state_dir and self.socket.parent.exists():
            self.socket.unlink(missing_ok=True)
            self.socket.parent.rmdir()


def private_directory(path: Path) -> None:
    """Make `path` with mode 0700, or see that it is this user's and closed to others.

    Raises:
        ProdOpsError: It is there and is another user's, no directory, or open to others.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ProdOpsError(
            f"{path} must be a directory of this user with mode 0700; "
            f"run `chmod 700 {path}` if it is yours"
        )
