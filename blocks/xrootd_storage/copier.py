"""The child that reads a file from a storage door; needs nothing of prodops but this file.

``copier.py copy URL DESTINATION``, ``copier.py list URL...``, ``copier.py checksum URL...``,
``copier.py version URL``: lines of JSON on stdout, the last one with ``done`` or ``error``. It ends
when its stdin does, so that none outlives the process that started it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

_READ_BYTES = 2 << 20
_READS_AHEAD = 4
_REPORT_SECONDS = 0.2
_ADLER32_OF_NOTHING = 1

_ANSWERED = 400  # errErrorResponse in XrdClStatus.hh: the number of the error is the server's
_NO_CHECKSUMS = (3005, 3013)  # kXR_FSError and kXR_Unsupported: none is configured
_AS_XROOTD = {errno.ENOENT: 3011, errno.ENOTDIR: 3011, errno.EACCES: 3010, errno.EISDIR: 3016}


class Failed(Exception):
    """A file cannot be read: in which phase, with XRootD's own codes where they are."""

    def __init__(self, phase: str, message: str, *, code: int = 0, number: int = 0) -> None:
        super().__init__(message)
        message = " ".join(message.split())
        self.fields: dict[str, Any] = {
            "phase": phase,
            "message": message,
            "code": code,
            "number": number,
        }


def main(command: str, url: str, *more: str) -> int:
    """Do one thing; gives the exit code."""
    destination = more[0] if command == "copy" else ""
    threading.Thread(target=_end_with_parent, args=(destination,), daemon=True).start()
    try:
        if command == "copy":
            done = _copy(_door(url).blocks(url), Path(destination))
        elif command == "list":
            done = _list((url, *more))
        elif command == "version":
            done = {"version": _door(url).version()}
        else:
            done = _sum_up((url, *more))
    except Failed as failure:
        _report({"error": failure.fields})
        return 1
    except OSError as error:
        where = f"{destination}: " if destination else ""
        _report({"error": Failed("write", f"{where}{error.strerror or error}").fields})
        return 1
    _report({"done": done})
    return 0


class Door:
    """A storage door that speaks XRootD."""

    def __init__(self, url: str) -> None:
        from XRootD import client  # noqa: PLC0415 - takes its time, and plain files do without it

        self._client: Any = client  # its own annotations stop half-way
        self._files = self._client.FileSystem(_split(url)[0])

    def blocks(self, url: str) -> Iterator[bytes]:
        """The file's blocks in their order, several asked for at a time."""
        file = self._client.File()
        _require("open", file.open(url)[0])
        status, info = file.stat()
        _require("open", status)
        _report({"size": info.size})
        arriving: deque[SimpleQueue[tuple[Any, bytes]]] = deque()
        offsets = range(0, info.size, _READ_BYTES)
        for index, offset in enumerate(offsets):
            while len(arriving) < min(_READS_AHEAD, len(offsets) - index):
                arriving.append(_ask(file, offset + len(arriving) * _READ_BYTES))
            status, block = arriving.popleft().get()
            _require("read", status)
            if len(block) != min(_READ_BYTES, info.size - offset):
                raise Failed("read", f"it ended at byte {offset + len(block)} of {info.size}")
            yield block

    def known_checksum(self, url: str) -> dict[str, Any] | None:
        """What the server computes; None where it does not."""
        from XRootD.client.flags import QueryCode  # noqa: PLC0415

        query = f"{_split(url)[1]}?cks.type=adler32"
        status, answer = self._files.query(QueryCode.CHECKSUM, query)
        if not status.ok and status.errno in _NO_CHECKSUMS:
            return None
        _require("open", status)
        kind, _, value = answer.decode().strip("\x00\n").partition(" ")
        return {"adler32": value.strip().rjust(8, "0")} if kind == "adler32" else None

    def version(self) -> str:
        """The server's, for which it has to let us in."""
        from XRootD.client.flags import QueryCode  # noqa: PLC0415

        status, answer = self._files.query(QueryCode.CONFIG, "version")
        _require("open", status)
        return str(answer.decode().strip("\x00\n "))

    def entries(self, path: str) -> Iterator[tuple[str, int | None]]:
        """A directory's entries by name, with sizes; a directory among them has none."""
        from XRootD.client.flags import DirListFlags, StatInfoFlags  # noqa: PLC0415

        status, found = self._files.dirlist(path or "/", DirListFlags.STAT)
        _require("open", status)
        for entry in sorted(found, key=lambda each: str(each.name)):
            if entry.statinfo.flags & StatInfoFlags.IS_DIR:
                yield entry.name, None
            elif not entry.statinfo.flags & StatInfoFlags.OTHER:
                yield entry.name, entry.statinfo.size


class Files:
    """The plain files of a sandbox without XRootD."""

    def blocks(self, url: str) -> Iterator[bytes]:
        """The file's blocks in their order."""
        try:
            with Path(_split(url)[1]).open("rb") as file:
                _report({"size": os.fstat(file.fileno()).st_size})
                yield from iter(lambda: file.read(_READ_BYTES), b"")
        except OSError as error:
            raise _local(error) from error

    def known_checksum(self, _url: str) -> dict[str, Any] | None:
        """None: it has to be computed."""
        return None

    def version(self) -> str:
        """There is no server."""
        return "plain files"

    def entries(self, path: str) -> Iterator[tuple[str, int | None]]:
        """A directory's entries by name, with sizes; a directory among them has none."""
        try:
            for entry in sorted(Path(path or "/").iterdir()):
                is_file = entry.is_file() and not entry.is_symlink()
                if is_file or (entry.is_dir() and not entry.is_symlink()):
                    yield entry.name, entry.stat().st_size if is_file else None
        except OSError as error:
            raise _local(error) from error


def _door(url: str) -> Door | Files:
    return Files() if url.startswith("file:") else Door(url)


def _copy(blocks: Iterator[bytes], destination: Path) -> dict[str, Any]:
    with destination.open("r+b") as file:
        return _read_through(blocks, file)


def _read_through(blocks: Iterator[bytes], file: BinaryIO | None = None) -> dict[str, Any]:
    """Read everything, write it where that is wanted, and report how far it is."""
    checksum, size, reported_at = _ADLER32_OF_NOTHING, 0, time.monotonic()
    for block in blocks:
        if file is not None:
            file.write(block)
        checksum, size = zlib.adler32(block, checksum), size + len(block)
        if time.monotonic() - reported_at > _REPORT_SECONDS:
            _report({"at": size})
            reported_at = time.monotonic()
    return {"size": size, "adler32": f"{checksum:08x}"}


def _sum_up(urls: Sequence[str]) -> dict[str, Any]:
    """Report the checksum of each file, in their order."""
    for url in urls:
        door = _door(url)
        try:
            summed = door.known_checksum(url) or _read_through(door.blocks(url))
        except Failed as failure:
            failure.fields["url"] = url
            raise
        _report({"checksum": summed["adler32"]})
    return {"files": len(urls)}


def _list(urls: Sequence[str]) -> dict[str, Any]:
    """Report the files below each directory, and that those were all or what the server said."""
    count = 0
    for url in urls:
        refusal = None
        try:
            count += _list_one(_door(url), url)
        except Failed as failure:
            failure.fields["url"] = url
            if failure.fields["code"] != _ANSWERED:
                raise
            refusal = failure.fields
        _report({"listed": refusal})
    return {"files": count}


def _list_one(door: Door | Files, url: str) -> int:
    """Report every file below a directory, with its path at the door; gives how many."""
    top = re.sub("/+", "/", _split(url)[1]).rstrip("/")
    pending, count = deque([top]), 0
    while pending:
        directory = pending.popleft()
        for name, size in door.entries(directory):
            path = f"{directory}/{name}"
            if size is None:
                pending.append(path)
                continue
            _report({"file": [path, size]})
            count += 1
    return count


def _ask(file: Any, offset: int) -> SimpleQueue[tuple[Any, bytes]]:
    came: SimpleQueue[tuple[Any, bytes]] = SimpleQueue()
    try:
        asked = file.read(
            offset, _READ_BYTES, callback=lambda status, block, _hosts: came.put((status, block))
        )
    except ValueError as error:  # the bindings' word for a file whose connection is lost
        raise Failed("read", "the connection was lost") from error
    _require("read", asked)
    return came


def _require(phase: str, status: Any) -> None:
    if not status.ok:
        raise Failed(phase, status.message, code=status.code, number=status.errno)


def _local(error: OSError) -> Failed:
    """What a plain file's error would be at a door."""
    number = _AS_XROOTD.get(error.errno or 0, 0)
    return Failed("open", error.strerror or str(error), code=_ANSWERED, number=number)


def _split(url: str) -> tuple[str, str]:
    """The door, and the path at it."""
    parts = urlsplit(url)
    path = unquote(parts.path) if parts.scheme == "file" else parts.path
    return f"{parts.scheme}://{parts.netloc}", "/" + path.lstrip("/")


def _report(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_parent(destination: str) -> None:
    """Leave nothing behind when the parent has gone, however it went."""
    os.read(0, 1)
    if destination:
        Path(destination).unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # XRootD's client may wait for a door that stalls
