"""Waiting for submissions: the events of the stream, and now and then a look at PCS."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api import EventStream, MonitorApi, StreamEvent, StreamFilter, TokenRefused
from blocks.pcs_service import PcsRefused, ProdTask
from deployments.cli.tasks_outcome import Submission, Told

_CONNECT_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 10.0
_SHORTEST_LOOK_SECONDS: Final = 0.5
_TICK_SECONDS: Final = 0.25


class Looks(Protocol):
    """What gives a task as PCS shows it now."""

    def task(self, name: str) -> ProdTask:
        """The task; raises as PcsService does."""


class Display(Protocol):
    """Who is shown how it goes."""

    def changed(self, submission: Submission) -> None:
        """Something was heard or seen of the submission."""

    def tick(self, submissions: Sequence[Submission]) -> None:
        """Some time has passed."""


class Ear:
    """The events of submissions, read by a thread from the moment of its making."""

    def __init__(
        self, stream: EventStream, *, tell: Callable[[str], None], instead: str = "PCS"
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._instead = instead
        self._heard: queue.SimpleQueue[StreamEvent] = queue.SimpleQueue()
        self._is_settled = threading.Event()
        self._refusal: TokenRefused | None = None
        self._thread = threading.Thread(target=self._listen, name="submission-events", daemon=True)
        self._thread.start()

    def await_connection(self, seconds: float = _CONNECT_SECONDS) -> None:
        """Wait until events flow, or until it is clear that they do not, or for so long.

        Raises:
            TokenRefused: The stream is not for us.
        """
        self._is_settled.wait(seconds)
        if self._refusal is not None:
            raise self._refusal

    def next(self, timeout_seconds: float) -> StreamEvent | None:
        """The next event; None where none came in time."""
        try:
            return self._heard.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the reading."""
        self._stream.close()
        self._thread.join(_CONNECT_SECONDS)

    def _listen(self) -> None:
        try:
            for event in self._stream:
                self._is_settled.set()
                self._heard.put(event)
        except TokenRefused as refusal:
            self._refusal = refusal
        except ProdOpsError as error:
            self._tell(f"no events ({error}); {self._instead} is asked instead")
        self._is_settled.set()


@contextmanager
def listening(api: MonitorApi, *, tell: Callable[[str], None]) -> Iterator[Ear]:
    """Events of submissions from now on; connected, where that is possible, when this returns.

    Raises:
        TokenRefused: The stream is not for us.
    """
    wanted = StreamFilter(msg_types=tuple(Told))
    ear = Ear(api.follow(wanted, report=tell), tell=tell)
    try:
        ear.await_connection()
        yield ear
    finally:
        ear.close()


def follow(
    submissions: Sequence[Submission],
    *,
    ear: Ear,
    pcs: Looks,
    display: Display,
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
        event = ear.next(min(_TICK_SECONDS, left))
        for each, _ in before:
            each.seconds = time.monotonic() - began
            if event is not None:
                each.hear(event)
        rounds.look()
        for each, was in before:
            if each.standing != was:
                display.changed(each)
        display.tick(submissions)
    for each in submissions:
        each.end_wait()


class _Rounds:
    """Looks at PCS, one submission after the other."""

    def __init__(self, submissions: Sequence[Submission], pcs: Looks) -> None:
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
