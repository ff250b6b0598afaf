"""What must hold before anything is done: of the prefix, the users and the environment."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deployments.install.options import Options
from deployments.install.owners import current, shared_groups
from deployments.install.steps import InTheWay
from deployments.install.systemd import code_directories, program
from flows.common.settings import BadSetting

_PATH: Final = re.compile(r"(/[\w.+-]+)+|/", re.ASCII)
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


def check(options: Options) -> None:
    """See that the installation can stand where it is to.

    Raises:
        BadSetting: It cannot, with the reason and what to do.
    """
    check_prefix(options.prefix)
    _check_users(options)
    places = options.places
    for path in (places.etc, places.ops_state, places.web_state, places.public, places.units):
        for above in _existing_parents(path):
            _check_parent(above, is_passed=not options.is_one_user)
    if not program().exists():
        raise BadSetting(f"{program()} is not there: install prodops into an environment first")
    if not options.is_one_user:
        check_code()


def check_prefix(prefix: Path) -> None:
    """See that the prefix is absolute and can stand in units and settings.

    Raises:
        BadSetting: It cannot.
    """
    written = os.fspath(prefix)
    if not prefix.is_absolute():
        raise BadSetting(f"--prefix {written}: must be absolute")
    if not _PATH.fullmatch(written) or ".." in prefix.parts:
        raise BadSetting(
            f"--prefix {written!r}: may hold letters, digits and . + - _ only, and no `..`, since "
            "it stands in units and settings"
        )


def _check_users(options: Options) -> None:
    for name in (options.ops_user, options.web_user):
        if not _USER.fullmatch(name):
            raise BadSetting(f"{name!r} is no name of a user: {_USER.pattern}")
        if name == "root":
            raise BadSetting("no part runs as root: name another user")
    own = current().name
    if os.geteuid() != 0 and {options.ops_user, options.web_user} != {own}:
        return  # the steps that take root say so
    if os.geteuid() == 0 and options.is_one_user:
        raise BadSetting("--ops-user and --web-user must be two users: between them is the border")
    if not options.is_one_user and (shared := shared_groups(options.ops, options.web)):
        raise InTheWay(
            f"users {options.ops_user} and {options.web_user} are both in group {shared[0]}: "
            "what its members may read would pass between them"
        )


def _existing_parents(path: Path) -> Iterator[Path]:
    for parent in reversed(path.parents):
        if not os.path.lexists(parent):
            return
        yield parent


def _check_parent(path: Path, *, is_passed: bool) -> None:
    """See that nobody else can put something else in the place of what is below."""
    link = path.lstat()
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in {0, os.geteuid()}:
        raise InTheWay(f"{path} is another user's symbolic link: move it away")
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise InTheWay(f"{path} is a file, and no directory: move it away")
    if status.st_uid not in {0, os.geteuid()}:
        raise InTheWay(f"{path} belongs to uid {status.st_uid}, who could replace what is below it")
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise InTheWay(f"{path} is writable by others, who could replace what is below it")
    if is_passed and not status.st_mode & stat.S_IXOTH:
        raise InTheWay(
            f"{path} is closed to others (mode {status.st_mode & 0o7777:04o}), so that "
            "no part could reach what is below it: choose another --prefix"
        )


def check_code() -> None:
    """See that both users can run what the units start.

    Raises:
        BadSetting: A directory on the way is closed to them.
    """
    python = Path(sys.executable).resolve()
    for path in (*code_directories(), python, program()):
        for each in (*path.resolve().parents, path.resolve()):
            status = each.stat()
            wanted = stat.S_IXOTH if status.st_mode & 0o111 else stat.S_IROTH
            if not status.st_mode & wanted:
                raise BadSetting(
                    f"the parts' users cannot run {path}, since {each} is closed to others: make "
                    "the environment of a Python that all may run, e.g. /usr/bin/python3"
                )
