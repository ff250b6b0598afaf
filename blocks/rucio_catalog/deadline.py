"""A moment by which an answer must have been read: a socket's own limit starts at each byte."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from requests import Response

from blocks.rucio_catalog.errors import RucioUnavailable


class Deadline:
    """Ends the reading of one answer after so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = time.monotonic() + seconds
        self._timer: threading.Timer | None = None

    def guard(self, response: Response) -> None:
        """Let the answer break off when the time is over."""
        left = max(0.0, self._at - time.monotonic())
        self._timer = threading.Timer(left, _cut, (response,))
        self._timer.daemon = True
        self._timer.start()

    def release(self) -> None:
        """The answer has been read."""
        if self._timer is not None:
            self._timer.cancel()

    def check(self) -> None:
        """Go on only while there is time.

        Raises:
            RucioUnavailable: There is none left.
        """
        if time.monotonic() >= self._at:
            raise RucioUnavailable(f"Rucio took longer than {self._seconds:g} s for one answer")


def _cut(response: Response) -> None:
    with suppress(ValueError, RuntimeError, OSError):  # it has just been read
        response.raw.shutdown()
