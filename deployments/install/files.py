"""Directories and files of an installation, written as root without following a link.

All files are below directories that belong to root; what another user owns is only made, never
written into.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.install.owners import Owner, current
from deployments.install.steps import Finding, InTheWay, Step

_TEMPORARY = ".new-"
PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
ENTERED_DIRECTORY = 0o750
PUBLIC_DIRECTORY = 0o755


@dataclass(frozen=True)
class Directory(Step):
    """A directory with an owner and a mode.

    Attributes:
        path: Where it is; what is above belongs to root.
        owner: Whose it is.
        mode: Its mode, whatever the umask is.
        holds_state: Whether all that is in it was made by the parts, and goes with it.
    """

    path: Path
    owner: Owner
    mode: int
    holds_state: bool = False

    @property
    def key(self) -> str:
        """Its path."""
        return f"directory {self.path}"

    def describe(self) -> str:
        """Its path, owner and mode."""
        return f"{self.key} ({self.owner}, {self.mode:04o})"

    def look(self) -> Finding:
        """Look at its kind, owner and mode."""
        status = _status(self.path)
        if status is None:
            return Finding.MAKE
        if not stat.S_ISDIR(status.st_mode):
            raise InTheWay(f"{self.path} is {_kind(status)}, and no directory: move it away")
        return _judge(status, self.owner, self.mode)

    def objection(self) -> str:
        """Another's directory stays as it is."""
        return _objection(self.path, self.owner, self.mode)

    def do(self) -> None:
        """Make it, closed until it has its owner."""
        with _at(self.path.parent) as parent:
            with suppress(FileExistsError):  # of an interrupted run
                os.mkdir(self.path.name, PRIVATE_DIRECTORY, dir_fd=parent)
            _own(self.path.name, self.owner, self.mode, parent, os.O_DIRECTORY)

    def undo(self) -> None:
        """Remove it with the parts' state, or where nothing of others is in it."""
        if _status(self.path) is None:
            return
        if self.holds_state:
            shutil.rmtree(self.path)
        elif not any(self.path.iterdir()):
            self.path.rmdir()


@dataclass(frozen=True)
class Parent(Step):
    """A directory above ours: made where it is missing, else left as it is."""

    path: Path

    @property
    def key(self) -> str:
        """Its path."""
        return f"directory {self.path}"

    def look(self) -> Finding:
        """Look whether it is there."""
        return Finding.DONE if self.path.is_dir() else Finding.MAKE

    def do(self) -> None:
        """Make it for everybody to pass."""
        Directory(self.path, current(), PUBLIC_DIRECTORY).do()

    def undo(self) -> None:
        """Remove it where it is empty."""
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


@dataclass(frozen=True)
class Secret(Step):
    """A file with a secret, made once, for its owner alone."""

    path: Path
    owner: Owner
    make: Callable[[], str]

    @property
    def key(self) -> str:
        """Its path."""
        return f"secret {self.path}"

    def describe(self) -> str:
        """Its path, owner and mode."""
        return f"{self.key} ({self.owner}, {PRIVATE_FILE:04o})"

    def look(self) -> Finding:
        """Look at its kind, owner and mode, and not into it."""
        status = regular(self.path)
        if status is None:
            return Finding.MAKE
        return _judge(status, self.owner, PRIVATE_FILE)

    def objection(self) -> str:
        """Another's file stays as it is."""
        return _objection(self.path, self.owner, PRIVATE_FILE)

    def do(self) -> None:
        """Make it; one that is there keeps what it holds."""
        if regular(self.path) is None:
            write(self.path, self.make(), self.owner, PRIVATE_FILE)
        else:
            with _at(self.path.parent) as parent:
                _own(self.path.name, self.owner, PRIVATE_FILE, parent)

    def undo(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


def random_secret() -> str:
    """A password or key of 256 bits."""
    return secrets.token_urlsafe(32)


def write(path: Path, content: str, owner: Owner, mode: int) -> None:
    """Write a file whole: what was there stays until the new one is complete and on the disk."""
    temporary = f"{_TEMPORARY}{path.name}"
    with _at(path.parent) as parent:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)  # of an interrupted run
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, PRIVATE_FILE, dir_fd=parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            _own(temporary, owner, mode, parent)
            os.rename(temporary, path.name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            os.unlink(temporary, dir_fd=parent)
            raise
        os.fsync(parent)


def regular(path: Path) -> os.stat_result | None:
    """The status of a file; None where there is none.

    Raises:
        InTheWay: It is a link or no file, or has other names.
    """
    status = _status(path)
    if status is not None and (not stat.S_ISREG(status.st_mode) or status.st_nlink != 1):
        raise InTheWay(f"{path} is {_kind(status)}, and no plain file: move it away")
    return status


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise InTheWay(f"{path.parent} is no directory: move it away") from None


def _kind(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "a symbolic link"
    if stat.S_ISDIR(status.st_mode):
        return "a directory"
    return "a file with several names" if status.st_nlink != 1 else "a file"


def _judge(status: os.stat_result, owner: Owner, mode: int) -> Finding:
    has = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
    is_done = owner.ids is not None and has == (*owner.ids, mode)
    return Finding.DONE if is_done else Finding.CHANGE


def _objection(path: Path, owner: Owner, mode: int) -> str:
    status = path.lstat()
    return (
        f"{path} was there before, with uid {status.st_uid}, gid {status.st_gid} and mode "
        f"{stat.S_IMODE(status.st_mode):04o}: `chown {owner}: {path} && chmod {mode:04o} {path}`, "
        "or move it away"
    )


@contextmanager
def _at(directory: Path) -> Iterator[int]:
    """A descriptor of a directory; a link above it is root's (`checks`)."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _own(name: str, owner: Owner, mode: int, parent: int, flags: int = 0) -> None:
    """Give a file or directory its owner and mode, whatever the umask is."""
    if owner.ids is None:
        raise InTheWay(f"there is no user {owner.name}")
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=parent)
    try:
        os.fchown(descriptor, *owner.ids)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
