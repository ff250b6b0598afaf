"""One bad row, run or message stops itself alone; an outage stops the step, to be waited out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import structlog
from sqlalchemy.exc import DBAPIError

from blocks.errors import OutsideUnavailable
from flows.common.database_errors import state_of

_MOST_REMEMBERED: Final = 10_000
_said: set[tuple[object, ...]] = set()

_log = structlog.get_logger("isolation")


def is_outage(error: BaseException) -> bool:
    """Whether Prefect or the database is away, rather than something wrong."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    if isinstance(error, DBAPIError):
        return state_of(error) is not None
    return isinstance(error, httpx.TransportError | OutsideUnavailable | OSError)


@contextmanager
def isolated(event: str, **about: object) -> Iterator[None]:
    """Do one thing of several: whatever is wrong with it is logged, and hinders nothing else.

    The same fault of the same thing is logged once, though its loop comes by every few seconds.

    Args:
        event: What could not be done.
        about: The row, run or message; named in the log.

    Raises:
        Exception: An outage, which concerns all of them alike.
    """
    try:
        yield
    except Exception as error:
        if is_outage(error):
            raise
        say_once("error", event, exc_info=error, **about)


@contextmanager
def outlived(event: str, *, ended_by: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Do one round of what a part repeats: neither an outage nor a fault of any class ends it.

    Args:
        event: What could not be done in this round.
        ended_by: What ends it all the same, and is raised.
    """
    try:
        yield
    except ended_by:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is said, and the next round comes
        if is_outage(error):
            reason = f"{type(error).__name__}: {error}"
            _log.warning("an outage is waited out", hinders=event, reason=reason)
        else:
            say_once("error", event, exc_info=error)


def say_once(level: str, event: str, *, exc_info: object = None, **about: object) -> None:
    """Log it, unless this process has done so before."""
    fault = (event, *sorted((name, str(value)) for name, value in about.items()), str(exc_info))
    if fault in _said:
        return
    if len(_said) >= _MOST_REMEMBERED:
        _said.clear()
    _said.add(fault)
    getattr(_log, level)(event, exc_info=exc_info, **about)
