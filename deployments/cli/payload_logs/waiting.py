"""Waiting for a payload log: the events of the stream, and now and then a look."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from blocks.errors import OutsideUnavailable
from blocks.monitor_api import StreamEvent
from blocks.monitor_api.actions import ActionState
from blocks.monitor_api.payload_logs import PayloadLogApi, PayloadLogState
from deployments.cli.events import EventReader
from deployments.cli.text import clean

_LOOK_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 0.25
_COMPLETED: Final = "completed"


class FetchEvent(StrEnum):
    """The events of a fetch."""

    PROGRESS = "payload_log_progress"
    READY = "payload_log_ready"
    FAILED = "payload_log_failed"


class Outcome(StrEnum):
    """What came of asking for a log."""

    READY = "ready"
    NO_JOB = "no_job"
    NO_LOG = "no_log"
    NO_MEMBER = "no_member"
    FAILED = "failed"
    PENDING = "pending"
    UNREACHABLE = "unreachable"


EXIT_CODES: Final = {
    Outcome.READY: 0,
    Outcome.NO_JOB: 3,
    Outcome.NO_LOG: 3,
    Outcome.NO_MEMBER: 3,
    Outcome.FAILED: 5,
    Outcome.PENDING: 6,
    Outcome.UNREACHABLE: 7,
}


@dataclass(frozen=True)
class Result:
    """What came of it, why, and what the monitor says of the log."""

    outcome: Outcome
    reason: str = ""
    log: PayloadLogState | None = None
    request_id: int | None = None


def result_of(log: PayloadLogState | None, request: ActionState | None = None) -> Result:
    """What a fetch came to, or, without one, what is known."""
    request_id = request.id if request is not None else None
    if log is not None and log.is_cached and (request is None or request.state == _COMPLETED):
        return Result(Outcome.READY, log=log, request_id=request_id)
    reason = (request.error if request is not None else None) or (log.last_error if log else None)
    is_its = request is None or (log is not None and log.request_id == request.id)
    outcome = Outcome.FAILED
    if log is not None and is_its and log.state in {Outcome.NO_JOB, Outcome.NO_LOG}:
        outcome = Outcome(log.state)
    return Result(outcome, reason or "the log has left the cache", log, request_id)


def follow(
    api: PayloadLogApi,
    pandaid: int,
    request: ActionState,
    *,
    events: EventReader,
    show: Callable[[str], None],
    timeout_seconds: float | None,
) -> Result:
    """Wait for what comes of a request; an event that never came is no loss.

    Raises:
        TokenRefused, RequestRefused: The monitor does not say.
    """
    began = looked_at = time.monotonic()
    present = request
    while present.is_open:
        elapsed = time.monotonic() - began
        left = _TICK_SECONDS if timeout_seconds is None else timeout_seconds - elapsed
        if left <= 0:
            reason = f"request {present.id} has not ended after {elapsed:.0f} s"
            return Result(Outcome.PENDING, reason, request_id=present.id)
        event = events.next(min(_TICK_SECONDS, left))
        if event is not None and event.event == FetchEvent.PROGRESS:
            show(step_text(event))
        is_end = event is not None and event.event != FetchEvent.PROGRESS
        if is_end or time.monotonic() - looked_at >= _LOOK_SECONDS:
            present, looked_at = _look(api, present), time.monotonic()
    return result_of(api.log(pandaid), present)


def step_text(event: StreamEvent) -> str:
    """The step that an event is about, in a line."""
    number, steps = event.data.get("step_number"), event.data.get("steps")
    of = "" if steps is None else f" of {steps}"
    return clean(f"step {number}{of}: {event.data.get('text')}")


def _look(api: PayloadLogApi, request: ActionState) -> ActionState:
    try:
        found = api.request(request.id)
        if found.successor_id is not None and not found.is_open:
            return api.request(found.successor_id)
    except OutsideUnavailable:
        return request  # the monitor is away for a moment: the fetch goes on
    return found


@contextmanager
def shown(first: str) -> Iterator[Callable[[str], None]]:
    """Show people where it is, on a terminal's stderr; what is piped stays silent."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for people
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status(Text(first)) as status:
        yield lambda text: status.update(Text(text))
