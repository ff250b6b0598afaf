"""Private directories of a run: gone when it ends, and found when it was killed.

A run holds a lock on each of its directories; one that can be locked belongs to a dead run.
Needs a file system with flock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def private_directory(parent: Path, prefix: str, *, parent_mode: int) -> Iterator[Path]:
    """A fresh directory, mode 0700, removed at the end whatever it then is.

    Args:
        parent: Where; made if need be.
        prefix: What its name begins with.
        parent_mode: Mode of a parent that is made.
    """
    lock, path = _made(parent, prefix, parent_mode)
    try:
        yield path
    finally:
        remove(path)
        os.close(lock)


def remove_dead(parent: Path, prefix: str) -> int:
    """Remove the directories that dead runs left; gives their number."""
    removed = 0
    for path in parent.glob(f"{prefix}*"):
        lock = _locked(path)
        if lock is not None:
            remove(path)
            os.close(lock)
            removed += 1
    return removed


def remove(path: Path) -> None:
    """Remove a directory; another may be removing it too."""
    # What another removed meanwhile is an error to rmtree, which then leaves the rest.
    while path.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)


def make_directories(path: Path, mode: int) -> None:
    """Make a directory and its parents; only those that are made get the mode."""
    for each in (*reversed(path.parents), path):
        if each.is_dir():
            continue
        with suppress(FileExistsError):
            each.mkdir(mode)
            each.chmod(mode)  # whatever the umask is


def _made(parent: Path, prefix: str, parent_mode: int) -> tuple[int, Path]:
    while True:
        make_directories(parent, parent_mode)
        try:
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except FileNotFoundError:
            continue  # an empty parent was tidied away
        lock = _locked(path)
        if lock is not None:
            return lock, path


def _locked(path: Path) -> int | None:
    """A lock on the directory of that name; None: another has it, or it is no longer there."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.lstat(path)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None
