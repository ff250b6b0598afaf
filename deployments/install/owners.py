"""The OS users of an installation: who they are, and the step that makes one."""

from __future__ import annotations

import os
import pwd
import grp
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployments.install.steps import Finding, InTheWay, Step

_NO_SHELL = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Owner:
    """A user whom files belong to, and who may not be there yet."""

    name: str

    @property
    def entry(self) -> pwd.struct_passwd | None:
        """What the system knows of the user."""
        try:
            return pwd.getpwnam(self.name)
        except KeyError:
            return None

    @property
    def ids(self) -> tuple[int, int] | None:
        """User and group id; None where there is no such user."""
        entry = self.entry
        return None if entry is None else (entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class User(Step):
    """A system user without a shell, with a group of its own."""

    owner: Owner
    home: Path
    takes_root = True

    @property
    def key(self) -> str:
        return f"user {self.owner.name}"

    def describe(self) -> str:
        entry = self.owner.entry
        about = "system user without a shell" if entry is None else f"uid {entry.pw_uid}"
        return f"{self.key} ({about})"

    def look(self, *, is_ours: bool) -> Finding:
        entry = self.owner.entry
        if entry is None:
            return Finding.MAKE
        if entry.pw_uid == 0:
            raise InTheWay(f"user {self.owner.name} is root; name another one")
        return Finding.DONE

    def do(self) -> None:
        command = ["useradd", "--system", "--user-group", "--no-create-home"]
        _run([*command, "--home-dir", os.fspath(self.home), "--shell", _NO_SHELL, self.owner.name])

    def undo(self) -> None:
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
