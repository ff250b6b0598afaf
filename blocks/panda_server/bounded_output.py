"""A program's output, kept within a bound: its beginning and its end."""

from __future__ import annotations


class BoundedOutput:
    """Takes bytes, and keeps the first and the last of them."""

    def __init__(self, *, first_bytes: int = 64 << 10, last_bytes: int = 192 << 10) -> None:
        self._first_bytes = first_bytes
        self._last_bytes = last_bytes
        self._first = bytearray()
        self._last = bytearray()
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = self._first_bytes - len(self._first)
        self._first += chunk[:room]
        self._last += chunk[room:]
        excess = len(self._last) - self._last_bytes
        if excess > 0:
            del self._last[:excess]
            self._left_out += excess

    def text(self) -> str:
        """What was kept, with a line that says how much was not."""
        gap = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        return (bytes(self._first) + gap + bytes(self._last)).decode(errors="replace")
