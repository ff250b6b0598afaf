"""Waiting for a monitor that is away: with pauses, saying so once, until the agent is to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from blocks.back_off import BackOff
from blocks.errors import OutsideUnavailable, ProdOpsError

_T = TypeVar("_T")
_log = logging.getLogger("prodops.agent")


class Stopping(ProdOpsError):
    """The agent is to stop: what waits for something does no longer."""


class GaveUp(ProdOpsError):
    """What the agent cannot begin without stayed away."""


@dataclass
class Patience:
    """Repeats calls to a monitor for as long as it is away; threads share one."""

    back_off: BackOff = field(default_factory=lambda: BackOff(0.5, 15.0))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _away_since: float | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether the agent is to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End all waiting; from any thread, or a signal handler."""
        self._stopping.set()

    def pause(self, seconds: float) -> None:
        """Wait, or until the agent is to stop."""
        self._stopping.wait(seconds)

    def until_answered(
        self, what: str, call: Callable[[], _T], *, limit_seconds: float = float("inf")
    ) -> _T:
        """What the call gives, once it is answered.

        Args:
            what: What is waited for, as the log says it.
            call: May be done again.
            limit_seconds: How long it is tried.

        Raises:
            Stopping: The agent is to stop, and there was no answer.
            GaveUp: There was none in time.
            ProdOpsError: The answer was a refusal.
        """
        began, failures = time.monotonic(), 0
        while True:
            try:
                value = call()
            except OutsideUnavailable as error:
                failures += 1
                self._say_away(what, error)
                if self.is_stopping:
                    raise Stopping(f"{what}: {error}") from None
                if time.monotonic() - began > limit_seconds:
                    raise GaveUp(f"gave up after {limit_seconds:g} s; {what}: {error}") from None
                self.pause(self.back_off.pause_seconds(failures))
            else:
                self._say_back()
                return value

    def _say_away(self, what: str, error: Exception) -> None:
        with self._lock:
            if self._away_since is not None:
                return
            self._away_since = time.monotonic()
        _log.warning("waiting for the monitor to %s: %s", what, error)

    def _say_back(self) -> None:
        with self._lock:
            since, self._away_since = self._away_since, None
        if since is not None:
            _log.info("the monitor answers again, after %.1f s", time.monotonic() - since)
