"""Waiting for submissions: the events of the stream, and now and then a look at PCS."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from blocks.errors import OutsideUnavailable
from blocks.pcs_service import PcsRefused, PcsService
from deployments.cli.events import EventReader
from deployments.cli.submission.display import Lines, LiveLines
from deployments.cli.submission.outcome import Submission

_LOOK_SECONDS: Final = 10.0
_SHORTEST_LOOK_SECONDS: Final = 0.5
_TICK_SECONDS: Final = 0.25


def follow(
    submissions: Sequence[Submission],
    *,
    events: EventReader,
    pcs: PcsService,
    display: Lines | LiveLines,
    timeout_seconds: float,
) -> None:
    """Wait until each submission has its final outcome, or until the time is over.

    PCS is asked for each one every ten seconds, so that an event that never came is no loss; for
    many, at most twice a second in all.
    """
    began = time.monotonic()
    rounds = _Rounds(submissions, pcs)
    while any(each.is_open for each in submissions):
        left = timeout_seconds - (time.monotonic() - began)
        if left <= 0:
            rounds.look_at_all()
            break
        before = [(each, each.standing) for each in submissions if each.is_open]
        event = events.next(min(_TICK_SECONDS, left))
        for each, _ in before:
            each.seconds = time.monotonic() - began
            if event is not None:
                each.take(event)
        rounds.look()
        for each, was in before:
            if each.standing != was:
                display.changed(each)
        display.tick(submissions)
    for each in submissions:
        each.end_wait()


class _Rounds:
    """Looks at PCS, one submission after the other."""

    def __init__(self, submissions: Sequence[Submission], pcs: PcsService) -> None:
        self._pcs = pcs
        self._waiting = deque(submissions)
        self._pause = max(_SHORTEST_LOOK_SECONDS, _LOOK_SECONDS / max(1, len(submissions)))
        self._next_at = time.monotonic() + self._pause

    def look(self) -> None:
        """Look at the next one that is open, if it is time to."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._pause
        self._waiting = deque(each for each in self._waiting if each.is_open)
        if self._waiting:
            self._look_at(self._waiting[0])
            self._waiting.rotate(-1)

    def look_at_all(self) -> None:
        """Look at all that are open, once, as long as PCS answers."""
        for each in self._waiting:
            if each.is_open and not self._look_at(each):
                return

    def _look_at(self, submission: Submission) -> bool:
        """Look at one; gives whether PCS answered."""
        try:
            submission.look(self._pcs.task(submission.name))
        except OutsideUnavailable:
            return False
        except PcsRefused as refusal:
            submission.text = str(refusal)
        return True
