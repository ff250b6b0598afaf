"""Requests: accepted once, or the open one joined; read. Nothing here commits.

``queued -> claimed -> running -> completed | failed | cancelled | unknown``. What is unknown is
claimed again when its time comes, until a run has found the truth.

What workers do with the queue is in `claiming` and `leases`, what a run does in `attempts`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from blocks import tracing
from blocks.errors import NotFound
from flows.common.access import access_refused
from flows.common.actions import Action
from flows.common.callers import Caller, Proof
from flows.common.claims import ClaimLost
from flows.common.database import now
from flows.common.models import OPEN, Request, RequestState

CHANNEL: Final = "prodops_request"
CANCELLATION: Final = "cancellation"
"""What the notification of one says; that of others, that there is something to claim, is empty."""
PAGE: Final = "page"
"""The source of what was asked for by opening a page."""
_ACCEPT_TRIES: Final = 10
_ACCEPT: Final = sql_text("SELECT request_accept(:means, :proof, cast(:wanted AS jsonb))")


class RequestNotFound(NotFound):
    """There is no request with that id."""


@dataclass(frozen=True)
class Accepted:
    """A request that stands for what was asked: a new one, or the open one that was joined."""

    id: int
    state: RequestState
    is_new: bool


def accept(
    session: Session,
    action: Action,
    parameters: BaseModel,
    *,
    caller: Caller,
    source: str,
) -> Accepted:
    """Accept a request of the caller, or join the open one with its key, which stays locked.

    Raises:
        Forbidden: The caller may not request it.
        Refused: The action's gate says no.
    """
    caller.require(action.scope, action.name)
    action.gate(session, parameters, caller)
    wish = _wish(action, parameters, caller, source)
    key = wish["dedup_key"]
    # An open request may close between the two statements: then it is the insert's turn again.
    for _ in range(_ACCEPT_TRIES):
        joined = _join(session, action.name, key) if key is not None else None
        if joined is not None:
            return joined
        created = _insert(session, wish, caller.proof)
        if created is not None:
            wake(session)
            return Accepted(created, RequestState.QUEUED, is_new=True)
    raise ClaimLost(f"{action.name}: requests with key {key!r} open and close too fast to join one")


def insertion(
    action: Action, parameters: BaseModel, *, caller: Caller, source: str, **values: Any
) -> Insert:
    """The insert of a request of the caller, with more values, unless one with its key is open."""
    return _unless_open(_wish(action, parameters, caller, source) | values)


def _insert(session: Session, wish: dict[str, Any], proof: Proof | None) -> int | None:
    """Insert the request unless one with its key is open; gives its id.

    Where there is a proof, the database looks at it: the web role has no other way in.
    """
    if proof is None:
        return session.scalar(_unless_open(wish).returning(Request.id))
    wanted = json.dumps(wish, default=datetime.isoformat)
    values = {"means": proof.means, "proof": proof.value, "wanted": wanted}
    with access_refused():
        return cast("int | None", session.scalar(_ACCEPT, values))


def _wish(action: Action, parameters: BaseModel, caller: Caller, source: str) -> dict[str, Any]:
    """What a request's row says of what was asked for."""
    return {
        "action": action.name,
        "parameters": parameters.model_dump(mode="json"),
        "dedup_key": action.dedup_key(parameters),
        "subject": action.subject(parameters),
        "requested_by": caller.name[:150],
        "source": source,
        "created_at": now(),
        "traceparent": tracing.traceparent(),
    }


def _unless_open(values: dict[str, Any]) -> Insert:
    return pg_insert(Request).values(**values).on_conflict_do_nothing()


def _join(session: Session, action: str, key: str) -> Accepted | None:
    found = session.execute(
        select(Request.id, Request.state)
        .where(
            Request.action == action,
            Request.dedup_key == key,
            Request.state.in_(OPEN),
            Request.successor_id.is_(None),
        )
        # Lets a worker claim the row meanwhile, but not a flow end it (`holding.lock_for_end`).
        .with_for_update(read=True, key_share=True)
    ).first()
    return Accepted(found.id, RequestState(found.state), is_new=False) if found else None


def wake(session: Session, what: str = "") -> None:
    """Tell the workers, at the commit, that something waits: room or a request, or `what`."""
    session.execute(select(func.pg_notify(CHANNEL, what)))


def get(session: Session, request_id: int) -> Request:
    """The request with that id.

    Raises:
        RequestNotFound: There is none.
    """
    request = session.get(Request, request_id)
    if request is None:
        raise RequestNotFound(f"there is no request {request_id}")
    return request
