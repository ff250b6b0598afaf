"""The parts' logs: their last lines, their growth across rotation, and the last error in one."""

from __future__ import annotations

import os
import re
from collections import deque
from pathlib import Path
from typing import BinaryIO

from deployments.stack.child import MARK

_TAIL_BYTES = 256 * 1024
_ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|^\w[\w.]*(?:Error|Exception)\b|Traceback \(most recent"
)
_EXPECTED = "the database system is starting up"  # whoever waits for it asks, and hears so
_EXCEPTION = re.compile(r"^\w[\w.]*\b(?:: |$)")


class Follower:
    """A growing file that may be rotated, truncated, or not there yet."""

    def __init__(self, path: Path, *, lines: int) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self._first = last_lines(path, lines) if lines else []
        self._open()
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def news(self) -> list[str]:
        """The whole lines that came since the last call (at first also the last ones before)."""
        found, self._first = self._first, []
        found += self._read()
        if self._is_replaced():
            self.close()
            self._open()
            found += self._read()
        return found

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def _is_replaced(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        here = os.fstat(self._file.fileno())
        return there.st_ino != here.st_ino or there.st_size < self._file.tell()


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of a log, reaching into its rotated predecessors."""
    lines: deque[str] = deque()
    for source in (path, *(Path(f"{path}.{number}") for number in range(1, 10))):
        if len(lines) >= count or not source.exists():
            break
        found = source.read_text(errors="replace").splitlines()
        lines.extendleft(reversed(found[-(count - len(lines)) :]))
    return list(lines)


def last_error(path: Path) -> str | None:
    """The last error that a part logged since its last start: a line, or an exception's."""
    lines = _since_last_start(_tail(path))
    found = None
    for index, line in enumerate(lines):
        if "Traceback (most recent" in line:
            found = next((_l for _l in lines[index + 1 :] if _EXCEPTION.match(_l)), line)
        elif _ERROR.search(line) and not line.endswith(_EXPECTED):
            found = line
    return found.strip() if found else None


def last_words(path: Path) -> str | None:
    """The last line that a part logged since its last start, if it said anything."""
    said = [line.strip() for line in _since_last_start(_tail(path)) if line.strip()]
    return said[-1] if said else None


def _since_last_start(lines: list[str]) -> list[str]:
    starts = [index for index, line in enumerate(lines) if line.startswith(MARK)]
    return lines[starts[-1] + 1 :] if starts else lines


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
