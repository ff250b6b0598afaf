"""Directories and files that others read: private until they are whole, then put in place at once.

A run holds a lock on each of its private directories; one that can be locked belongs to a dead run.
Needs Linux, and a file system with flock.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_READABLE: Final = 0o644
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_UNSUPPORTED: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_OVERTAKEN: Final = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)


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


def remove_dead(parent: Path, prefix: str) -> dict[Path, OSError]:
    """Remove the private directories that dead runs left; gives those that stay, with the reason.

    Whoever tidies on its way to something else goes on: it does not need what stays there.
    """
    stay: dict[Path, OSError] = {}
    for path in parent.glob(f"{prefix}*"):
        lock = _locked(path)
        if lock is None:
            continue
        try:
            remove(path)
        except OSError as error:
            stay[path] = error
        finally:
            os.close(lock)
    return stay


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


def publish(private: Path, directory: Path) -> None:
    """Put a directory in the place of the one of that name, if there is one, which is removed.

    A reader that opens the directory, and then its files in it, sees the old or the new one whole;
    where a file is gone it begins again. Only where kernel or file system cannot exchange two names
    is there a moment, of two renames, with neither. Of two publishers the later wins.

    Raises:
        OSError: The place cannot be written.
    """
    sync(private)
    while not _put(private, directory):
        pass
    sync(directory.parent)


def write_file(path: Path, text: str) -> None:
    """Write a file that everybody may read; a reader sees the old one, or the new one whole.

    Raises:
        OSError: It cannot be written; the old one stays.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with part.open("w") as file:
            os.fchmod(file.fileno(), _READABLE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange what two names stand for; nobody sees a moment without.

    Returns:
        Whether this kernel and file system can.

    Raises:
        OSError: One of the names does not exist, or may not be changed.
    """
    rename = _renameat2()
    if rename is None:
        return False
    names = (os.fsencode(one), os.fsencode(other))
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))


def sync(directory: Path) -> None:
    """Have the names in a directory outlive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def _put(private: Path, directory: Path) -> bool:
    """Whether the private directory has the name; else the name came or went meanwhile: again."""
    try:
        if directory.exists():
            _replace(private, directory)
        else:
            private.rename(directory)
    except OSError as error:
        if error.errno not in _OVERTAKEN or not private.exists():
            raise
        return False
    return True


def _replace(private: Path, directory: Path) -> None:
    if exchange(private, directory):
        remove(private)  # the old one
        return
    old = private.with_name(f"{private.name}.old")
    remove(old)  # of a try that was overtaken
    directory.rename(old)
    private.rename(directory)
    remove(old)


@lru_cache(maxsize=1)
def _renameat2() -> Any:
    """The C library's function; None where it has none."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = (
            ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
        )  # fmt: skip
    return function
