"""The user that runs PostgreSQL, which refuses to run as root, and that user's own directory."""

from __future__ import annotations

import os
import pwd
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployments.stack.errors import PostgresUnusable

_DEFAULTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Child:
    """A forked process that does one thing."""

    pid: int
    purpose: str

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            PostgresUnusable: It failed; its traceback is on standard error.
        """
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            raise PostgresUnusable(f"{self.purpose} failed (status {status})")


@dataclass(frozen=True)
class Account:
    """An operating system user."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def is_current(self) -> bool:
        """Whether this process is that user already."""
        return os.geteuid() == self.uid

    def become(self) -> None:
        """Be this user from here on, for good; no module can be relied on to load after it."""
        if self.is_current:
            return
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)

    def fork(self, work: Callable[[], None]) -> Child:
        """Do `work` as this user in a child process."""
        pid = os.fork()
        if pid:
            return Child(pid, f"the work of user {self.name}")
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self.become()
            work()
        except BaseException:  # noqa: BLE001 - a child must never return into its parent's code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def can_reach(self, path: Path) -> bool:
        """Whether this user may read `path` and pass through every directory above it."""
        if self.is_current:
            return os.access(path, os.R_OK | os.X_OK)
        pid = os.fork()
        if pid == 0:
            self.become()
            os._exit(0 if os.access(path, os.R_OK | os.X_OK) else 1)
        return os.waitpid(pid, 0)[1] == 0


def database_account(configured: str | None) -> Account:
    """Who runs the embedded database: this user, or, for root, an unprivileged one.

    Raises:
        PostgresUnusable: The configured user does not exist or is root, or there is none to take.
    """
    if os.geteuid() != 0:
        return _own_account()
    for name in (configured,) if configured else _DEFAULTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return _account(entry)
    wanted = configured or " or ".join(_DEFAULTS)
    raise PostgresUnusable(
        f"PostgreSQL does not run as root, and there is no unprivileged user {wanted}; "
        "name one in PRODOPS_DATABASE_OS_USER"
    )


def _own_account() -> Account:
    try:
        return _account(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise PostgresUnusable(
            f"user id {os.geteuid()} has no entry in the system's user database, and PostgreSQL "
            "does not run without: add one, or set PRODOPS_DATABASE_URL to another server"
        ) from None


def own_directory(account: Account) -> Path:
    """The directory of `account` for databases that root's stacks keep; made when first used."""
    home = account.home
    if home.is_dir() and home.stat().st_uid == account.uid:
        return home / "prodops"
    return Path(f"/var/tmp/prodops-{account.name}")  # noqa: S108 - checked by claim


def claim(directory: Path, account: Account) -> None:
    """Make `directory`, as the user `account`, or see that it is safely that user's.

    Raises:
        PostgresUnusable: It is another user's, a link, or writable by others.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid != account.uid or status.st_mode & 0o022:
        raise PostgresUnusable(f"{directory} must be a directory that only {account.name} writes")


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
