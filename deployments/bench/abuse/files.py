"""Bad files where parts read: the scanner's directory, published logs, and archives of logs."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from deployments.bench.abuse.archives import bad_archive
from deployments.bench.abuse.inputs import FileInput
from deployments.bench.abuse.published import bad_mark_and_origin
from deployments.bench.abuse.values import TEXTS

ARCHIVE: Final = "archive"
PUBLISHED: Final = "published"
FIRST_JOB: Final = 810_001
"""The first of the jobs whose published logs are bad; the next count up."""
_LONGEST: Final = 250


def draw_files(seed: int, number: int) -> list[FileInput]:
    """So many bad files, a third of each sort."""
    chance = random.Random(f"files {seed}")  # noqa: S311 - no secret
    return [_drawn(each, chance) for each in range(number)]


def _drawn(number: int, chance: random.Random) -> FileInput:
    if number % 3 == 0:
        return _scanned(number, chance)
    if number % 3 == 1:
        return FileInput(PUBLISHED, b"%d" % (FIRST_JOB + number), bad_mark_and_origin(chance))
    return FileInput(ARCHIVE, b"log.tgz", bad_archive(chance))


# ------------------------------------------------------------------ the scanner's directory


def _regular(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - the path is bytes
        file.write(content)


def _sparse(path: bytes, _content: bytes) -> None:
    _regular(path, b"")
    os.truncate(path, 1 << 28)


def _of_time(seconds: float) -> Callable[[bytes, bytes], None]:
    def placed(path: bytes, content: bytes) -> None:
        _regular(path, content)
        os.utime(path, (seconds, seconds))

    return placed


def _socket(path: bytes, _content: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bound, suppress(OSError):  # a path may be too long
        bound.bind(path)


def _closed(path: bytes, content: bytes) -> None:
    _regular(path, content)
    os.chmod(path, 0)  # noqa: PTH101 - the path is bytes


PLACERS: Final[dict[str, Callable[[bytes, bytes], None]]] = {
    "regular": _regular,
    "sparse": _sparse,
    "directory": lambda path, _: os.mkdir(path),  # noqa: PTH102
    "fifo": lambda path, _: os.mkfifo(path),
    "socket": _socket,
    "dangling": lambda path, _: os.symlink("nothing", path),  # noqa: PTH211
    "loop": lambda path, _: os.symlink(os.path.basename(path), path),  # noqa: PTH119, PTH211
    "endless": lambda path, _: os.symlink("/dev/zero", path),  # noqa: PTH211
    "elsewhere": lambda path, _: os.symlink("/etc/hostname", path),  # noqa: PTH211
    "closed": _closed,
    "of 1901": _of_time(-(2.0**31)),
    "of the year 9999": _of_time(2.5e11),
    "of the far future": _of_time(2.0**34 - 1),
}
"""How each kind of file is made for the scanner."""


def _scanned(number: int, chance: random.Random) -> FileInput:
    kind = chance.choice(tuple(PLACERS))
    stems = (
        b"swf.700001.%06d" % number,
        b"run%d_%s" % (number, b"9" * 40),
        b"run_-1.%d" % number,
        b"\xff\xfe%d" % number,
        b"a\nb%d" % number,
        b"%%00%d" % number,
        f"²🧨{number}".encode(),
        b" %d " % number,
        b"-rf%d" % number,
        str(number).encode() + b"x" * _LONGEST,
        chance.choice(TEXTS).replace("/", "").replace("\0", "").encode()[:200] + b"%d" % number,
    )
    return FileInput(kind, chance.choice(stems)[:_LONGEST] + b".stf", chance.randbytes(64))


def place(directory: Path, given: FileInput) -> None:
    """Make a file for the scanner, unless the file system has no such name or time."""
    with suppress(OSError):
        PLACERS[given.kind](os.fsencode(directory) + b"/" + given.name, given.content)
