"""What a fetch writes down: one fenced transaction each, with the event it announces.

Each is repeated through an outage of the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from flows.common import events, requests
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.common.requests import ClaimLost
from flows.common.steps import persistently
from flows.payload_logs import messages, repository
from flows.payload_logs.models import LogState, PayloadLog, Step
from flows.payload_logs.workplace import workplace


def begin(pandaid: int, text: str, **known: Any) -> PayloadLog:
    """Note that the log is wanted, with what the caller knows of it.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    return persistently(_begin, pandaid, text, known)


def note(pandaid: int, step: Step, text: str, **values: Any) -> PayloadLog:
    """Tell the step that the fetch is at, and write `values`.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    return persistently(_note, pandaid, step, text, values)


def close_ready(log: PayloadLog, result: dict[str, Any], **values: Any) -> None:
    """End row and request with the log in the cache.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    assert log.jeditaskid is not None  # noqa: S101 - the cache is by task
    event = messages.ready(log.pandaid, log.jeditaskid, workplace().holder)
    ended = {"state": LogState.READY, "step": "", "step_text": "", **values}
    persistently(_close, log.pandaid, RequestState.COMPLETED, ended, event, {"result": result})


def read(pandaid: int) -> PayloadLog:
    """The row."""
    return persistently(_read, pandaid)


def close_failed(
    log: PayloadLog, state: LogState, reason: str, *, attempts: int, last_error: str | None
) -> None:
    """End row and request without a log, with the reason; `last_error` is the row's.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    event = messages.failed(log.pandaid, log.jeditaskid, reason, attempts, workplace().holder)
    ended = {"state": state, "last_error": last_error, "attempts": attempts}
    persistently(_close, log.pandaid, RequestState.FAILED, ended, event, {"error": reason})


def _begin(pandaid: int, text: str, known: dict[str, Any]) -> PayloadLog:
    place = workplace()
    values = {**known, "step": Step.LOOK_UP.value, "step_text": text}
    with transaction(place.engine) as session:
        log = repository.want(session, place.holder, pandaid, values)
        _commit_step(session, log, Step.LOOK_UP, text)
        return log


def _read(pandaid: int) -> PayloadLog:
    with transaction(workplace().engine) as session:
        return repository.get(session, pandaid)


def _note(pandaid: int, step: Step, text: str, values: dict[str, Any]) -> PayloadLog:
    place = workplace()
    values = {**values, "step": step.value, "step_text": text}
    with transaction(place.engine) as session:
        log = repository.write(session, place.holder, pandaid, values)
        _commit_step(session, log, step, text)
        return log


def _close(
    pandaid: int,
    state: RequestState,
    values: dict[str, Any],
    event: events.NewEvent,
    ending: dict[str, Any],
) -> None:
    place = workplace()
    try:
        with transaction(place.engine) as session:
            repository.write(session, place.holder, pandaid, values)
            requests.finish(session, place.holder, state, **ending)
            events.commit(session, [event])
    except ClaimLost:
        # A commit whose answer was lost has closed it already; any other loss is an error.
        with transaction(place.engine) as session:
            request = requests.get(session, place.holder.request_id)
        if (request.state, request.attempts) != (state, place.holder.attempt):
            raise


def _commit_step(session: Session, log: PayloadLog, step: Step, text: str) -> None:
    holder = workplace().holder
    told = messages.progress(
        log.pandaid, log.jeditaskid, step.value, number=step.number, text=text, holder=holder
    )
    events.commit(session, [told])
