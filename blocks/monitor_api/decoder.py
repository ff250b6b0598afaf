"""Decoder of server-sent events (WHATWG HTML §9.2), fed with bytes as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Frame:
    """One event as sent.

    ``id`` is that of this frame alone: a frame without an ``id:`` line has none.
    """

    id: str | None
    event: str
    data: str


@dataclass
class EventDecoder:
    """Cuts a byte stream into frames, wherever the network cut it.

    Lines may end with LF, CRLF or CR; comments and unknown fields are passed over; a frame
    without data is none; one that the stream's end cuts off is never given out.
    """

    _rest: bytes = b""
    _is_after_cr: bool = False
    _is_at_start: bool = True
    _id: str | None = None
    _event: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they complete."""
        frames = (self._take(line) for line in self._lines(chunk))
        return [frame for frame in frames if frame is not None]

    def _lines(self, chunk: bytes) -> list[bytes]:
        if not chunk:
            return []
        if self._is_after_cr and chunk.startswith(b"\n"):  # the other half of a CRLF
            chunk = chunk[1:]
            self._is_after_cr = False
            return self._lines(chunk)
        self._is_after_cr = chunk.endswith(b"\r")
        lines = (self._rest + chunk).splitlines(keepends=True)
        is_open = not lines[-1].endswith((b"\r", b"\n"))
        self._rest = lines.pop() if is_open else b""
        return [line.rstrip(b"\r\n") for line in lines]

    def _take(self, line: bytes) -> Frame | None:
        if self._is_at_start:
            self._is_at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        name, _, value = line.decode(errors="replace").partition(":")
        self._set(name, value.removeprefix(" "))
        return None

    def _set(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> Frame | None:
        frame = Frame(self._id, self._event or "message", "\n".join(self._data))
        has_data = bool(self._data)
        self._id, self._event, self._data = None, "", []
        return frame if has_data else None
