"""Answers made of a payload log's members: as one text, as an archive, or a part of one member.

Nothing is read whole; what cannot be answered any more (a part beyond the end) is said before.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.http.errors import Rejection
from api.payload_logs.files import CHUNK_BYTES, EMPTY, Member, OpenLog, as_utf8

TEXT: Final = "text/plain; charset=utf-8"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # A log is shown as text; should a browser ever take it for a page, it may do nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_GZIP: Final = 31  # zlib's word for a gzip frame
_LEVEL: Final = 4


class LogResponse(StreamingResponse):
    """Streams what was opened, and closes it, also where nobody reads to the end."""

    def __init__(
        self,
        body: Iterable[bytes],
        *,
        close: Callable[[], None],
        media_type: str = TEXT,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            _gathered(body), status, {**_HEADERS, **(headers or {})}, media_type=media_type
        )
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


# ------------------------------------------------------------------ the whole


def text_answer(log: OpenLog, remarks: Sequence[str] = ()) -> LogResponse:
    """All members in one text, each under its name (ops contract section 1.4.4), then remarks."""
    return LogResponse(_text(log, remarks), close=log.close)


def _text(log: OpenLog, remarks: Sequence[str]) -> Iterator[bytes]:
    for member in log.members:
        yield f"===== {member.name} =====\n".encode()
        if member.is_text:
            yield from as_utf8(member.chunks())
        else:
            yield f"(a zip of {member.size_bytes} bytes: download it)".encode()
        yield b"\n"
    if log.size_bytes == 0:
        yield EMPTY
    if remarks:
        yield "\n".join(["===== about this log =====", *remarks, ""]).encode()


def archive_answer(log: OpenLog, name: str) -> LogResponse:
    """All members as `name`.tar.gz, packed while it is sent."""
    return LogResponse(
        _archive(log, name),
        close=log.close,
        media_type="application/gzip",
        headers=_attachment(f"{name}.tar.gz"),
    )


def _archive(log: OpenLog, folder: str) -> Iterator[bytes]:
    pressed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for chunk in _tar(log, folder):
        if packed := pressed.compress(chunk):
            yield packed
    yield pressed.flush()


def _tar(log: OpenLog, folder: str) -> Iterator[bytes]:
    for member in log.members:
        header = tarfile.TarInfo(f"{folder}/{member.name}")
        header.size, header.mtime = member.size_bytes, member.modified_at
        yield header.tobuf()
        yield from member.chunks()
        yield bytes(-member.size_bytes % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


# ------------------------------------------------------------------ one member


@dataclass(frozen=True)
class Part:
    """Which bytes of a member are wanted: from a `Range` header, or from the query.

    A proxy may drop the header; the query it passes on.
    """

    offset: int | None = None
    length: int | None = None
    range_header: str | None = None

    def of(self, size_bytes: int) -> tuple[int, int, bool]:
        """First byte, byte after the last, and whether it is answered as a range.

        Raises:
            Rejection: 416, where it begins beyond the end.
        """
        if self.offset is not None or self.length is not None:
            start = min(self.offset or 0, size_bytes)
            length = size_bytes if self.length is None else self.length
            return start, min(size_bytes, start + length), False
        found = _RANGE.fullmatch((self.range_header or "").replace(" ", ""))
        if found is None or not any(found.groups()):
            return 0, size_bytes, False  # no range, several, or none that is understood: all of it
        return (*_bounds(found[1], found[2], size_bytes), True)


def _bounds(first: str, last: str, size_bytes: int) -> tuple[int, int]:
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
    if start >= stop:
        body: dict[str, object] = {"detail": f"the member ends at byte {size_bytes}"}
        raise Rejection(416, body, {"Content-Range": f"bytes */{size_bytes}"})
    return start, stop


def member_answer(
    log: OpenLog, member: Member, part: Part, *, download_as: str | None = None
) -> LogResponse:
    """A member, or a part of it, as it is; to be kept as a file where `download_as` names one.

    Raises:
        Rejection: 416, where the part begins beyond the end.
    """
    start, stop, is_range = part.of(member.size_bytes)
    headers = {
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "ETag": f'"{log.version}-{member.size_bytes:x}"',
    }
    if is_range:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{member.size_bytes}"
    if download_as is not None:
        headers |= _attachment(download_as)
    return LogResponse(
        member.chunks(start, stop),
        close=log.close,
        status=206 if is_range else 200,
        headers=headers,
    )


def _attachment(name: str) -> dict[str, str]:
    plain = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    }


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: each costs a change of threads."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
