"""Rows that wait to be written: in order, bounded in number and size, and never waited for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

Row = Mapping[str, Any]

MOST_ROWS: Final = 5000
MOST_CHARACTERS: Final = 8 * 1024 * 1024
_OF_A_ROW: Final = 500  # about what a row takes beside its message


class Buffer:
    """What one thread takes from, and all others add to.

    Beyond its bounds new rows are dropped and counted: the first ones say how trouble began.
    """

    def __init__(self, most_rows: int = MOST_ROWS, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_rows, self._most_characters = most_rows, most_characters
        self._rows: deque[Row] = deque()
        self._characters = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Add a row, or count it as dropped."""
        size = len(row["message"]) + _OF_A_ROW
        with self._lock:
            if self._has_room(size):
                self._rows.append(row)
                self._characters += size
            else:
                self._dropped += 1

    def first(self, most: int) -> Sequence[Row]:
        """The oldest rows; they stay until they are removed."""
        with self._lock:
            return list(islice(self._rows, most))

    def remove(self, number: int) -> None:
        """Remove the oldest rows."""
        with self._lock:
            for _ in range(number):
                self._characters -= len(self._rows.popleft()["message"]) + _OF_A_ROW

    def drop(self, number: int) -> None:
        """Remove the oldest rows, and count them as dropped."""
        self.remove(number)
        with self._lock:
            self._dropped += number

    def take_dropped(self) -> int:
        """How many were dropped since this was last asked."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def _has_room(self, size: int) -> bool:
        return (
            len(self._rows) < self._most_rows and self._characters + size <= self._most_characters
        )
