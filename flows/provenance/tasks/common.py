"""What all tasks share: when they are repeated, how far an action is, and how it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.rucio_catalog import IncompleteAnswer
from flows.common import flow, run
from flows.common.actions import Action
from flows.common.claims import ClaimLost
from flows.common.models import RequestState
from flows.common.run import Announce, Ending
from flows.provenance import messages

_DELAYS: Final = (1.0, 3.0, 8.0)
# What may be otherwise in a moment: an outage, or a dataset that went while it was read.
_REPEATED: Final = (OutsideUnavailable, IncompleteAnswer)
_LEAST_SECONDS: Final = 0.5  # between two announcements of how far an action is

task = partial(flow.task, delays=_DELAYS, repeated=_REPEATED)
# Where a host of several is cut off, its locks and the proxy keep PCS away for about 50 s.
pcs_task = partial(flow.task, repeated=_REPEATED)


class ProvenanceFailed(ProdOpsError):
    """A request ended without what was asked for; the reason is recorded and announced."""


class Progress:
    """How far a long action is, announced twice a second at most.

    `about`: what each announcement says besides.
    """

    def __init__(self, action: Action, subject: str | None = None, **about: Any) -> None:
        self._action = action.name
        self._subject = subject
        self._about = about
        self._announced_at = -math.inf

    def announce(self, text: str, done: int = 0, total: int = 0, *, is_due: bool = False) -> None:
        """Announce it, unless something was announced just now; `is_due`: all the same.

        Raises:
            ClaimLost: The request is no longer ours: there is nobody to go on for.
        """
        if not is_due and time.monotonic() - self._announced_at < _LEAST_SECONDS:
            return
        self._announced_at = time.monotonic()
        present = run.current()
        fields = {**self._about, "done": done, "total": total, "text": text}
        event = messages.progress(self._action, present.claim, self._subject, **fields)
        present.write(lambda _, announce: announce(event))
        present.show_progress(done, total, text)


def conclude(
    action: Action,
    about: Mapping[str, Any],
    *,
    subject: str | None = None,
    error: str | None = None,
    result: dict[str, Any] | None = None,
    write: Callable[[Session], None] | None = None,
    connection: Connection | None = None,
) -> None:
    """Write what an action changed, and announce how it ended: all or nothing.

    Where the action is the run's own, its request ends, too; not where it is a part of another.

    Args:
        action: What has ended.
        about: The event's fields, between `ok` and `error`.
        subject: Of the event.
        error: Why it failed; None where it did not.
        result: Of the request.
        write: Writes what was changed.
        connection: To do it on; unset: a new one.

    Raises:
        ClaimLost: The request is no longer ours.
        DatabaseUnavailable: Nothing was written, or it is not known whether it was.
    """
    present = run.current()
    fields = {"ok": error is None, **about} | ({} if error is None else {"error": error})

    def work(session: Session, announce: Announce) -> Ending:
        if write is not None:
            write(session)
        announce(messages.ended(action.name, present.claim, subject, **fields))
        return _ending(result or {}, error)

    if present.action is not None and present.action.name == action.name:
        present.finish(work, connection=connection)
    else:
        present.write(work, connection=connection)


def finish(result: dict[str, Any], failures: Sequence[str]) -> None:
    """End the request of a run whose parts have announced themselves.

    Raises:
        ProvenanceFailed: Some have failed; that is recorded.
        ClaimLost: The request is no longer ours.
    """
    error = "; ".join(failures) or None
    run.current().finish(_ending(result, error))
    if error is not None:
        raise ProvenanceFailed(error)


@contextmanager
def recording(record: Callable[[ProdOpsError], None]) -> Iterator[None]:
    """Record an error of what is done within; not that the request is no longer ours."""
    try:
        yield
    except (ClaimLost, ProvenanceFailed):  # recorded already, or not to be
        raise
    except ProdOpsError as error:
        record(error)
        raise


@task("announce the failure")
def announce_failure(
    action: Action,
    error: ProdOpsError,
    *,
    subject: str | None = None,
    write: Callable[[Session], None] | None = None,
    **about: Any,
) -> None:
    """Announce that the action failed, with what is written of it."""
    conclude(action, about, subject=subject, error=str(error), write=write)


def _ending(result: dict[str, Any], error: str | None) -> Ending:
    state = RequestState.COMPLETED if error is None else RequestState.FAILED
    return Ending(state=state, result=result, error=error)
