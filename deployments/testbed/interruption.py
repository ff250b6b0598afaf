"""Ctrl+C: the first asks for the end in order, the second leaves at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from deployments.signals import handled


class Leave(BaseException):
    """Somebody wants the command to end now, whatever goes on."""


@dataclass
class Interruption:
    """What the user wants, by signals.

    Attributes:
        is_wanted: Whether the end is.
        is_immediate: Whether already the first signal leaves: nothing has begun yet.
    """

    is_wanted: bool = False
    is_immediate: bool = True

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM meanwhile."""
        with handled(self._on_signal, signal.SIGINT, signal.SIGTERM):
            yield

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_wanted or self.is_immediate:
            raise Leave
        self.is_wanted = True
