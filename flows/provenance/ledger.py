"""What a run writes down: one fenced transaction each, with the events it announces."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import events, requests
from flows.common.database import DatabaseUnavailable, is_unavailable, transaction
from flows.common.models import RequestState
from flows.provenance import messages
from flows.provenance.workplace import workplace

_TELL_SECONDS: Final = 0.5


class ProvenanceFailed(ProdOpsError):
    """A request ended without what was asked for; the reason is recorded and announced."""


def nothing(_session: Session) -> None:
    """Write nothing."""


@dataclass(frozen=True, kw_only=True)
class End:
    """How an action ended.

    Attributes:
        action: whose event announces it.
        told: the event's fields, `ok` and what it is about.
        subject: of the event.
        error: why it failed; None where it did not.
        result: of the request.
        is_last: whether the run's request ends with it; not where it is one of several steps.
    """

    action: str
    told: dict[str, Any]
    subject: str | None = None
    error: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    is_last: bool = True


def record(
    end: End,
    write: Callable[[Session], None] = nothing,
    *,
    connection: Connection | None = None,
) -> None:
    """Write, end the request where it is its last step, and announce it: all or nothing.

    Args:
        end: How the action ended.
        write: Writes what it changed.
        connection: To do it on; unset: a new one.

    Raises:
        ClaimLost: The request is no longer ours.
        DatabaseUnavailable: Nothing was written, or it is not known whether it was.
    """
    place = workplace()
    with Session(connection or place.engine, expire_on_commit=False) as session:
        try:
            requests.fence(session, place.holder)
            write(session)
            if end.is_last:
                _finish(session, end)
            told = {"ok": end.error is None, **end.told}
            if end.error is not None:
                told["error"] = end.error
            event = messages.ended(end.action, place.holder, end.subject, **told)
            events.commit(session, [event])
        except DBAPIError as error:
            if is_unavailable(error):
                raise DatabaseUnavailable(f"the database is unavailable: {error.orig}") from error
            raise


def has_ended() -> bool:
    """Whether the request has been completed: by a commit whose answer was lost."""
    place = workplace()
    with transaction(place.engine) as session:
        request = requests.get(session, place.holder.request_id)
        is_ours = request.attempts == place.holder.attempt
        return is_ours and request.state == RequestState.COMPLETED


def finish(result: dict[str, Any], failures: Sequence[str] = ()) -> None:
    """End the request of a run whose steps have announced themselves.

    Raises:
        ClaimLost: The request is no longer ours.
    """
    place = workplace()
    state = RequestState.FAILED if failures else RequestState.COMPLETED
    with transaction(place.engine) as session:
        requests.finish(
            session, place.holder, state, result=result, error="; ".join(failures) or None
        )


def _finish(session: Session, end: End) -> None:
    state = RequestState.COMPLETED if end.error is None else RequestState.FAILED
    requests.finish(session, workplace().holder, state, result=end.result, error=end.error)


class Progress:
    """How far a long step is, told twice a second at most."""

    def __init__(self, action: str, subject: str | None = None, **about: Any) -> None:
        self._action = action
        self._subject = subject
        self._about = about
        self._told_at = 0.0

    def tell(self, text: str, done: int = 0, total: int = 0, *, is_due: bool = False) -> None:
        """Tell it, unless something was told just now; `is_due`: all the same.

        Raises:
            ClaimLost: The request is no longer ours: there is nobody to go on for.
        """
        if not is_due and time.monotonic() - self._told_at < _TELL_SECONDS:
            return
        self._told_at = time.monotonic()
        place = workplace()
        told = {**self._about, "done": done, "total": total, "text": text}
        event = messages.progress(self._action, place.holder, self._subject, **told)
        with transaction(place.engine) as session:
            requests.fence(session, place.holder)
            events.commit(session, [event])
