"""Bad files where parts read: the scanner's directory, published logs, and archives of logs."""

from __future__ import annotations

import gzip
import io
import os
import random
import socket
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from deployments.bench.abuse.inputs import FileInput
from deployments.bench.abuse.values import TEXTS
from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive.unpacking import unpack
from flows.payload_logs.cache import DONE, ORIGIN

ARCHIVE: Final = "archive"
PUBLISHED: Final = "published"
FIRST_JOB: Final = 810_001
"""The first of the jobs whose published logs are bad; the next count up."""
_LONGEST: Final = 250
_NESTED: Final = 100_000


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


# ------------------------------------------------------------------ published logs

_MARKS: Final = (
    b"",
    b"payload.stdout",
    b"payload.stdout,payload.stderr,",
    b"../../../etc/passwd",
    b"/etc/passwd,.origin",
    b"\xff\xfe,\0",
    b"x" * 5000,
    b"," * 100_000,
    b"payload.stdout\nSet-Cookie: a=b",
    b".",
)
_ORIGINS: Final = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b'{"members": "abc"}',
    b'{"members": 7}',
    b'{"members": [1]}',
    b'{"members": [null]}',
    b'{"members": [{}]}',
    b'{"members": {"a": 1}}',
    b'{"members": [{"name": ["x"], "size_bytes": 1}]}',
    b'{"members": [{"name": "payload.stdout", "size_bytes": "x"}]}',
    b'{"members": [{"name": "payload.stdout", "size_bytes": 4}], "lfn": {"a": []}}',
    b'{"lfn": 7, "rse": {}, "size_bytes": "x", "adler32": [], "unshown": 3}',
    b'{"scope": "\\u0000", "lfn": "\\ud800"}',
    b"[" * _NESTED,
    b'{"a":' * _NESTED,
    b"9" * 10_000,
)


def publish(root: Path, job: int, given: FileInput) -> Path:
    """Make the directory of a job's published log, with the input's mark and origin."""
    directory = root / str(job) / str(job)
    directory.mkdir(parents=True, exist_ok=True)
    mark, _, origin = given.content.partition(b"\0\0")
    (directory / DONE).write_bytes(mark)
    (directory / ORIGIN).write_bytes(origin)
    (directory / "payload.stdout").write_bytes(b"abc\n")
    with suppress(FileExistsError):
        os.mkfifo(directory / "payload.stderr")
    return directory


# ------------------------------------------------------------------ archives


def _archive(chance: random.Random) -> bytes:
    """An archive of a log with something wrong in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for info, member in _members(chance):
            tar.addfile(info, io.BytesIO(member))
    raw = packed.getvalue()
    content = _gzipped(raw)
    breaks: Sequence[Callable[[], bytes]] = (
        lambda: content,
        lambda: content,
        lambda: content,
        lambda: content[: chance.randrange(len(content))],
        lambda: _flipped(content, chance),
        lambda: _gzipped(_flipped(raw, chance)),
        lambda: _gzipped(_flipped(raw, chance)),
        lambda: raw,
        lambda: content + content,
        lambda: content + b"\0" * 1000,
        lambda: content + b"x",
        lambda: _gzipped(b"\0" * (1 << 25)),
        lambda: b"",
        lambda: b"\x1f\x8b",
        lambda: chance.randbytes(2000),
    )
    return chance.choice(breaks)()


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)  # the same at any time


def _members(chance: random.Random) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for number in range(chance.randint(0, 6)):
        info = tarfile.TarInfo(chance.choice(_NAMES))
        info.type = chance.choice(_TAR_TYPES)
        info.linkname = chance.choice(_NAMES)
        content = chance.choice((b"text\n", _zip(chance), chance.randbytes(600), b"\0" * 100_000))
        info.size = len(content) if info.type == tarfile.REGTYPE else 0
        info.mtime = chance.choice((0, 1.5, 2**33, number))
        info.mode = chance.choice((0, 0o777, 0o4755))
        if chance.random() < 0.3:  # noqa: PLR2004 - some
            info.pax_headers = {chance.choice(("path", "size", "mtime", "x")): chance.choice(_PAX)}
        yield info, content if info.size else b""


def _zip(chance: random.Random) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in dict.fromkeys(chance.choices(_IN_ZIPS, k=3)):
            info = zipfile.ZipInfo(name)  # of 1980: the same at any time
            zipped.writestr(info, b"0" * chance.choice((0, 10, 100_000)))
    content = packed.getvalue()
    return _flipped(content, chance) if chance.random() < 0.5 else content  # noqa: PLR2004 - half


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


_NAMES: Final = (
    "payload.stdout",
    "a/payload.stderr",
    "pilotlog.txt",
    "../../payload.stdout",
    "/payload.stdout",
    "oversized_files.zip",
    "a\nb\x1b[31m/payload.stdout",
    "x" * 5000 + "/payload.stdout",
    "\udcff/payload.stderr",
    "",
    ".",
    "..",
)
_IN_ZIPS: Final = tuple(name for name in _NAMES if name and name.isprintable())
_TAR_TYPES: Final = (
    tarfile.REGTYPE, tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
    tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE,
)  # fmt: skip
_PAX: Final = ("", "-1", "9" * 30, "nan", "\u20ac", "../../x", "x" * 3000)


def unpack_one(given: FileInput) -> str:
    """Unpack an archive as a fetch does; gives what it ended by, where that is no error of ours."""
    limits = PayloadLogsSettings(max_total_bytes=1 << 24, max_member_bytes=1 << 23, max_members=999)
    with tempfile.TemporaryDirectory(prefix="abuse-") as place:
        archive, directory = Path(place, "log.tgz"), Path(place, "members")
        archive.write_bytes(given.content)
        directory.mkdir()
        try:
            unpack(archive, directory, limits, tick=lambda: None)
        except ProdOpsError:
            pass
        except Exception as error:  # noqa: BLE001 - that it is another is what is looked for
            return f"{type(error).__name__}: {error}"
        if left := sorted(
            path.name for path in Path(place).iterdir() if path not in {archive, directory}
        ):
            return f"it wrote outside its directory: {left}"
    return ""


# ------------------------------------------------------------------ drawing


def draw_files(seed: int, number: int) -> list[FileInput]:
    """So many bad files, a third of each sort."""
    chance = random.Random(f"files {seed}")  # noqa: S311 - no secret
    return [_drawn(each, chance) for each in range(number)]


def _drawn(number: int, chance: random.Random) -> FileInput:
    if number % 3 == 0:
        return _scanned(number, chance)
    if number % 3 == 1:
        content = chance.choice(_MARKS) + b"\0\0" + chance.choice(_ORIGINS)
        return FileInput(PUBLISHED, b"%d" % (FIRST_JOB + number), content)
    return FileInput(ARCHIVE, b"log.tgz", _archive(chance))
