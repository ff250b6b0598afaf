"""Bad archives of payload logs, and whether they end what unpacks them."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive.unpacking import unpack


def bad_archive(chance: random.Random) -> bytes:
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


def unpack_one(content: bytes) -> str:
    """Unpack an archive as a fetch does; gives what it ended by, where that is no error of ours."""
    limits = PayloadLogsSettings(max_total_bytes=1 << 24, max_member_bytes=1 << 23, max_members=999)
    with tempfile.TemporaryDirectory(prefix="abuse-") as place:
        archive, directory = Path(place, "log.tgz"), Path(place, "members")
        archive.write_bytes(content)
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
