"""The cache of payload logs: $SWF_TMP_DIR/panda-logs/<jeditaskid>/<pandaid>/, world-readable.

Source: ops contract section 1.4.2. The mark `.done` alone says that a log is there; `.origin` is
ours, and says where it came from.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from flows.common.database import now
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.exchange import exchange
from flows.payload_logs.private_directory import make_directories, remove

DONE: Final = ".done"
ERROR: Final = ".error"
ORIGIN: Final = ".origin"
LEFT: Final = ".left-"
"""What the names of directories begin with that nobody reads."""
PUBLIC: Final = 0o755
_SHARED: Final = 0o2775
_READABLE: Final = 0o644
_OVERTAKEN: Final = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)


def root_of(tmp_dir: Path) -> Path:
    """The directory of all cached logs."""
    return tmp_dir / "panda-logs"


def directory_of(tmp_dir: Path, jeditaskid: int, pandaid: int) -> Path:
    """The directory of a job's log."""
    return root_of(tmp_dir) / str(jeditaskid) / str(pandaid)


def left_of(pandaid: int) -> str:
    """What the names of directories begin with that fetches of a job's log make, and remove."""
    return f"{LEFT}{pandaid}."


def is_done(directory: Path) -> bool:
    """Whether a log is there."""
    return (directory / DONE).is_file()


def members_in(directory: Path, order: Sequence[str]) -> list[dict[str, Any]]:
    """The members that are there, in the order they are shown: name, path, size_bytes."""
    found = [each for each in directory.iterdir() if each.is_file() and each.name[0] != "."]
    rank = {name: place for place, name in enumerate(order)}
    found.sort(key=lambda each: (rank.get(_base(each.name, order), len(rank)), each.name))
    return [
        {"name": each.name, "path": each.name, "size_bytes": each.stat().st_size} for each in found
    ]


def origin_of(directory: Path) -> dict[str, Any]:
    """Where the log that is there came from; empty where that is not known."""
    try:
        origin = json.loads((directory / ORIGIN).read_text())
    except (OSError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}


def fetched_at(directory: Path) -> datetime:
    """When the log that is there was fetched, or, where there is none, last failed to be."""
    times = [_modified(directory / name) for name in (DONE, ERROR)]
    known = [each for each in (*times, _modified(directory)) if each is not None]
    return datetime.fromtimestamp(known[0] if known else 0.0, UTC)


def complete(directory: Path, names: Sequence[str], origin: dict[str, Any]) -> None:
    """Make a private directory with the members in it one that may be published.

    Raises:
        CacheUnwritable: It cannot be written.
    """
    try:
        _write(directory / ORIGIN, json.dumps(origin) + "\n")
        _write(directory / DONE, ",".join(sorted(names)) + "\n")
        directory.chmod(_SHARED)
        _sync(directory)
    except OSError as error:
        raise CacheUnwritable(directory, error) from error


def publish(private: Path, directory: Path) -> None:
    """Put a complete directory in the place of the one that is there; the latter is removed.

    A reader that opens the directory, and then its files in it, sees the old or the new one whole;
    where a file is gone it begins again. Only where kernel or file system cannot exchange two names
    is there a moment, of two renames, with neither. Of two publishers the later wins.

    Raises:
        CacheUnwritable: The place cannot be written.
    """
    try:
        while not _put(private, directory):
            pass
        _sync(directory.parent)
    except OSError as error:
        raise CacheUnwritable(directory, error) from error


def note_failure(directory: Path, attempts: int, reason: str) -> None:
    """Write the mark of a failed fetch beside what is there.

    Raises:
        CacheUnwritable: It cannot be written.
    """
    told = {"attempts": attempts, "last_error": reason, "ts": now().isoformat()}
    mark = directory / f"{ERROR}.{os.getpid()}"
    try:
        make_directories(directory.parent, PUBLIC)
        make_directories(directory, _SHARED)
        _write(mark, json.dumps(told) + "\n")
        mark.replace(directory / ERROR)
    except OSError as error:
        with suppress(OSError):
            mark.unlink()
        raise CacheUnwritable(directory, error) from error


def job_directories(tmp_dir: Path) -> Iterator[tuple[int, int, Path]]:
    """Task, job and directory of each log that is there; what else is there is not ours."""
    for task in _numbered(root_of(tmp_dir)):
        for job in _numbered(task):
            yield int(task.name), int(job.name), job


def size_of(directory: Path) -> int:
    """Bytes of the files in a directory."""
    total = 0
    for each in directory.iterdir():
        with suppress(FileNotFoundError):
            total += each.lstat().st_size
    return total


def take_away(directory: Path) -> None:
    """Remove a log; a reader finds all of it, or nothing."""
    aside = directory.with_name(f"{left_of(int(directory.name))}{os.getpid()}.{now().timestamp()}")
    with suppress(FileNotFoundError):
        directory.rename(aside)
        remove(aside)
    with suppress(OSError):
        directory.parent.rmdir()  # where it was the last of its task


def _put(private: Path, directory: Path) -> bool:
    """Whether the private directory has the name; else the name came or went meanwhile: again."""
    try:
        if directory.exists():
            return _replace(private, directory)
        private.rename(directory)
    except OSError as error:
        if error.errno not in _OVERTAKEN or not private.exists():
            raise
        return False
    return True


def _replace(private: Path, directory: Path) -> bool:
    if exchange(private, directory):
        remove(private)  # the old one
        return True
    aside = private.with_name(f"{private.name}.old")
    directory.rename(aside)
    private.rename(directory)
    remove(aside)
    return True


def _base(name: str, order: Sequence[str]) -> str:
    """The known name that a member's is made of: `payload.stdout.2` is one of payload.stdout."""
    if name in order:
        return name
    base, _, number = name.rpartition(".")
    return base if number.isdigit() else name


def _numbered(parent: Path) -> list[Path]:
    try:
        found = [each for each in parent.iterdir() if each.name.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [each for each in found if stat.S_ISDIR(each.lstat().st_mode)]


def _modified(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    with path.open("w") as file:
        os.fchmod(file.fileno(), _READABLE)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
