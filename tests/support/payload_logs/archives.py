"""Archives of payload logs, good and bad, as bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from typing import Any

STDOUT = b"epic reconstruction begins\nall events done\n"
BOMB_BYTES = 300_000_000


def entry(name: str, content: bytes = b"", **fields: Any) -> bytes:
    """One entry of a tar, without its end."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    padding = -len(content) % tarfile.BLOCKSIZE
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(padding)


def packed(*entries: bytes, is_ended: bool = True, level: int = 1) -> bytes:
    """Entries as a gzip tar."""
    end = bytes(2 * tarfile.BLOCKSIZE) if is_ended else b""
    return gzip.compress(b"".join(entries) + end, level, mtime=0)


def archive(members: Mapping[str, bytes], *, level: int = 1) -> bytes:
    """Members as a gzip tar."""
    return packed(*(entry(*each) for each in members.items()), level=level)


def bomb(name: str = "payload.stdout", size_bytes: int = BOMB_BYTES) -> bytes:
    """A member of zeros that is a thousand times smaller in the archive."""
    written = io.BytesIO()
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(info.tobuf())
        for _ in range(size_bytes // 1_000_000):
            file.write(bytes(1_000_000))
    return written.getvalue()


def with_tricks() -> bytes:
    """Known names in every place where nothing may be taken from, and one that may."""
    return packed(
        entry("../payload.stdout", b"up"),
        entry("a/../../payload.stderr", b"up"),
        entry("/etc/payload.stdout", b"root"),
        entry("payload.stdout", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("x/payload.stdout", type=tarfile.LNKTYPE, linkname="payload.stderr"),
        entry("dev/payload.stdout", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        entry("fifo/pilotlog.txt", type=tarfile.FIFOTYPE),
        entry("dir/pilotlog.txt", type=tarfile.DIRTYPE),
        entry("job/payload.stdout", STDOUT),
    )
