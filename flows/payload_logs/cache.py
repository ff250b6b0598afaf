"""The cache of payload logs: $SWF_TMP_DIR/panda-logs/<jeditaskid>/<pandaid>/, world-readable.

Source: ops contract section 1.4.2. The mark `.done` names the members of a log that is there;
`.origin` is ours, and says where it came from and what was published.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from flows.common import directories
from flows.common.database import now
from flows.common.settings import Settings
from flows.common.text import unkeepable
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.models import PayloadLog

DONE: Final = ".done"
ERROR: Final = ".error"
ORIGIN: Final = ".origin"
OVERSIZED: Final = "oversized_files.zip"
"""The base name of the zip into which the pilot puts logs that are too large."""
LEFT: Final = ".left-"
"""What the names of directories begin with that nobody reads."""
PUBLIC: Final = 0o755
_SHARED: Final = 0o2775


def root_of(tmp_dir: Path) -> Path:
    """The directory of all cached logs."""
    return tmp_dir / "panda-logs"


def copies_of(state_dir: Path) -> Path:
    """The directory that archives are copied to, each into a private one."""
    return state_dir / "payload-logs"


def directory_of(tmp_dir: Path, jeditaskid: int, pandaid: int) -> Path:
    """The directory of a job's log."""
    return root_of(tmp_dir) / str(jeditaskid) / str(pandaid)


def directory_for(log: PayloadLog | None, settings: Settings) -> Path | None:
    """Where a row's log is, or would be; None as long as its task is not known."""
    if log is None or log.jeditaskid is None:
        return None
    return directory_of(settings.stack.tmp_dir, log.jeditaskid, log.pandaid)


def left_of(pandaid: int) -> str:
    """What the names of directories begin with that fetches of a job's log make, and remove."""
    return f"{LEFT}{pandaid}."


def is_whole(directory: Path, log: PayloadLog | None = None) -> bool:
    """Whether a log is there, all of it as it was published; see :func:`is_published`."""
    try:
        names = names_in((directory / DONE).read_text(errors="replace"))
    except OSError:
        return False
    found = {name: size for name in names if (size := _size(directory / name)) is not None}
    return is_published(names, found, origin_of(directory), log)


def names_in(mark: str) -> list[str]:
    """The members that the text of a `.done` names."""
    names = {each for each in mark.strip().split(",") if each[:1] not in {"", "."}}
    return sorted(each for each in names if "/" not in each and "\0" not in each)


def is_published(
    names: Sequence[str],
    found: Mapping[str, int],
    origin: Mapping[str, Any],
    log: PayloadLog | None,
) -> bool:
    """Whether what is in a directory is what was published there, and the log that a row is of.

    Single files are lost in many ways: something sweeps /tmp, a backup is restored in part, a disk
    was full.

    Args:
        names: The members that `.done` names.
        found: Those that are there, with their sizes.
        origin: What `.origin` says; the original agent leaves none, and then the row's word counts.
        log: The row, where one is known.
    """
    if not names or any(name not in found for name in names):
        return False
    if log is not None and log.lfn and origin.get("lfn") not in {None, log.lfn}:
        return False  # another log was taken for this one
    members = origin.get("members") or (log.members if log is not None else ())
    published = {each["name"]: each["size_bytes"] for each in members}
    return not published or published == {name: found[name] for name in names}


def members_in(directory: Path, order: Sequence[str]) -> list[dict[str, Any]]:
    """The members that `.done` names, in the order they are shown: name, path, size_bytes."""
    names = names_in((directory / DONE).read_text(errors="replace"))
    rank = {name: number for number, name in enumerate(order)}
    names.sort(key=lambda name: (rank.get(_base(name, order), len(rank)), len(name), name))
    return [
        {"name": name, "path": name, "size_bytes": (directory / name).stat().st_size}
        for name in names
    ]


def origin_of(directory: Path) -> dict[str, Any]:
    """Where the log that is there came from; empty where that is not known."""
    try:
        return origin_in((directory / ORIGIN).read_bytes())
    except OSError:
        return {}


def origin_in(content: bytes) -> dict[str, Any]:
    """What the content of an `.origin` says; empty where it is damaged."""
    try:
        origin = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return origin if isinstance(origin, dict) and _is_sound(origin) else {}


def _is_sound(origin: Mapping[str, Any]) -> bool:
    """Whether what readers go by has its form; a damaged file may hold anything."""
    members = origin.get("members", [])
    return (
        not any(unkeepable(origin))
        and isinstance(origin.get("lfn"), str | None)
        and isinstance(members, list)
        and all(
            isinstance(each, dict)
            and isinstance(each.get("name"), str)
            and isinstance(each.get("size_bytes"), int)
            for each in members
        )
    )


def fetched_at(directory: Path) -> datetime:
    """When the log that is there was fetched, or, where there is none, last failed to be."""
    times = [_modified(directory / name) for name in (DONE, ERROR)]
    known = [each for each in (*times, _modified(directory)) if each is not None]
    return datetime.fromtimestamp(known[0] if known else 0.0, UTC)


def publish(private: Path, directory: Path, names: Sequence[str], origin: dict[str, Any]) -> None:
    """Put a private directory with the members in it where the log is read.

    Raises:
        OSError: It cannot be written.
    """
    directories.write_file(private / ORIGIN, json.dumps(origin) + "\n")
    directories.write_file(private / DONE, ",".join(sorted(names)) + "\n")
    private.chmod(_SHARED)
    directories.publish(private, directory)


def note_failure(directory: Path, attempts: int, reason: str) -> None:
    """Write the mark of a failed fetch beside what is there; peers know no fewer attempts than one.

    Raises:
        CacheUnwritable: It cannot be written.
    """
    mark = {"attempts": max(1, attempts), "last_error": reason, "ts": now().isoformat()}
    try:
        directories.make_directories(directory.parent, PUBLIC)
        directories.make_directories(directory, _SHARED)
        directories.write_file(directory / ERROR, json.dumps(mark) + "\n")
    except OSError as error:
        raise CacheUnwritable(directory, error) from error


def numbered(parent: Path) -> list[Path]:
    """The directories of tasks, or of a task's jobs, that are there; what else is is not ours."""
    try:
        found = [each for each in parent.iterdir() if each.name.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [each for each in found if stat.S_ISDIR(each.lstat().st_mode)]


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
        directories.remove(aside)
    with suppress(OSError):
        directory.parent.rmdir()  # where it was the last of its task


def _base(name: str, order: Sequence[str]) -> str:
    """The known name that a member's is made of: `payload.stdout.1` is one of payload.stdout."""
    if name in order:
        return name
    base, _, number = name.rpartition(".")
    return base if number.isdigit() else name


def _size(path: Path) -> int | None:
    """Bytes of a regular file; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _modified(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return None
