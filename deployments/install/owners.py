"""The OS users of an installation: who they are, and the step that makes one."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployments.install.steps import Finding, InTheWay, Step

_NO_SHELL = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Owner:
    """A user whom files belong to, and who may not be there yet.

    Attributes:
        name: The user.
        group_of: The user whose own group they belong to; None: the user's.
    """

    name: str
    group_of: str | None = None

    def __str__(self) -> str:
        return self.name if self.group_of is None else f"{self.name}:{self.group}"

    @property
    def entry(self) -> pwd.struct_passwd | None:
        """What the system knows of the user."""
        return _entry(self.name)

    @property
    def group(self) -> str:
        """The group's name; that of the user where there is no such user yet."""
        entry = _entry(self.group_of or self.name)
        return grp.getgrgid(entry.pw_gid).gr_name if entry else self.group_of or self.name

    @property
    def ids(self) -> tuple[int, int] | None:
        """User and group id; None where there is no such user."""
        entry, group_entry = self.entry, _entry(self.group_of or self.name)
        if entry is None or group_entry is None:
            return None
        return entry.pw_uid, group_entry.pw_gid


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


@dataclass(frozen=True)
class User(Step):
    """A system user without a shell, with a group of its own."""

    owner: Owner
    home: Path
    takes_root = True

    @property
    def key(self) -> str:
        """Its name."""
        return f"user {self.owner.name}"

    def describe(self) -> str:
        """Its name, and its id where it is there."""
        entry = self.owner.entry
        about = "system user without a shell" if entry is None else f"uid {entry.pw_uid}"
        return f"{self.key} ({about})"

    def look(self) -> Finding:
        """Any user will do but root: an operator's own, too."""
        entry = self.owner.entry
        if entry is None:
            return Finding.MAKE
        if entry.pw_uid == 0:
            raise InTheWay(f"user {self.owner.name} is root; name another one")
        return Finding.DONE

    def do(self) -> None:
        """Make the user and its group."""
        command = ["useradd", "--system", "--user-group", "--no-create-home"]
        _run([*command, "--home-dir", os.fspath(self.home), "--shell", _NO_SHELL, self.owner.name])

    def undo(self) -> None:
        """Remove the user; its group goes with it."""
        if self.owner.entry is not None:
            _run(["userdel", self.owner.name])


def shared_groups(one: Owner, other: Owner) -> list[str]:
    """The names of the groups that two users are both members of."""
    entries = [each.entry for each in (one, other)]
    if None in entries:
        return []
    first, second = (set(os.getgrouplist(each.pw_name, each.pw_gid)) for each in entries if each)
    return sorted(grp.getgrgid(number).gr_name for number in first & second)


def _run(command: list[str]) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise InTheWay(f"there is no {command[0]} here; make the user yourself") from error
    if done.returncode != 0:
        raise InTheWay(" ".join(done.stderr.split()) or f"{command[0]} failed")


def current() -> Owner:
    """The user of this process.

    Raises:
        InTheWay: The system has no name for it.
    """
    try:
        return Owner(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        raise InTheWay(
            f"user id {os.geteuid()} has no entry in the system's user database: add one"
        ) from None
