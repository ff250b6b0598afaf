"""Archives of payload logs, good and bad, as bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
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


def gnu_sparse(name: str, size_bytes: int) -> bytes:
    """An entry of GNU tar that is one hole: nothing is stored of it."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"%011o\0" % size_bytes  # its size with the holes
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def pax_sparse(name: str, size_bytes: int) -> bytes:
    """The same as POSIX tar has it, version 1.0: the map stands before the data."""
    info = tarfile.TarInfo("GNUSparseFile.0/x")
    info.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name,
        "GNU.sparse.realsize": str(size_bytes),
    }  # fmt: skip
    stored = f"1\n{size_bytes}\n0\n".encode().ljust(tarfile.BLOCKSIZE, b"\0")
    info.size = len(stored)
    return info.tobuf(tarfile.PAX_FORMAT) + stored


def zipped(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Members as a zip, as the pilot makes one of files that are too large."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as content:
        for each in members.items():
            content.writestr(*each)
    return written.getvalue()


def with_tricks() -> bytes:
    """Known names that are no files of the archive, and one that is."""
    return packed(
        entry("payload.stdout", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("x/payload.stdout", type=tarfile.LNKTYPE, linkname="nothing"),
        entry("dev/payload.stdout", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        entry("fifo/pilotlog.txt", type=tarfile.FIFOTYPE),
        entry("dir/pilotlog.txt", type=tarfile.DIRTYPE),
        entry("job/payload.stdout", STDOUT),
    )
