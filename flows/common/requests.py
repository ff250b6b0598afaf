"""Requests: accepted once, claimed by lease, ended once. All their SQL is here; nothing commits.

``queued -> claimed -> running -> completed | failed | cancelled | unknown``. What is unknown is
claimed again when its time comes, until a run has found the truth. An attempt number fences every
write of a holder: an attempt that was given up can no longer write.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from blocks.errors import NotFound
from flows.common.actions import Action, all_actions
from flows.common.claims import Claim, ClaimLost
from flows.common.database import now
from flows.common.models import HELD, OPEN, Cancellation, Request, RequestState

CHANNEL: Final = "prodops_request"
_ACCEPT_TRIES: Final = 10
_NO_CEILING: Final = 1_000_000
_LIMITS_LOCK: Final = 0x6C696D69  # "limi": serialises the counting of held requests


class RequestNotFound(NotFound):
    """There is no request with that id."""


# ------------------------------------------------------------------ accepting


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
    requested_by: str,
    source: str,
) -> Accepted:
    """Accept a request, or join the open one with its dedup key, which stays locked.

    Raises:
        Refused: The action's gate says no.
    """
    action.gate(session, parameters)
    wish = _wish(action, parameters, requested_by, source)
    key = wish["dedup_key"]
    # An open request may close between the two statements: then it is the insert's turn again.
    for _ in range(_ACCEPT_TRIES):
        joined = _join(session, action.name, key) if key is not None else None
        if joined is not None:
            return joined
        created = session.scalar(_insert_unless_open(**wish).returning(Request.id))
        if created is not None:
            wake(session)
            return Accepted(created, RequestState.QUEUED, is_new=True)
    raise ClaimLost(f"{action.name}: requests with key {key!r} open and close too fast to join one")


def _wish(action: Action, parameters: BaseModel, requested_by: str, source: str) -> dict[str, Any]:
    """What a request's row says of what was asked for."""
    return {
        "action": action.name,
        "parameters": parameters.model_dump(mode="json"),
        "dedup_key": action.dedup_key(parameters),
        "subject": action.subject(parameters),
        "requested_by": requested_by[:150],
        "source": source,
        "created_at": now(),
    }


def _insert_unless_open(**values: Any) -> Insert:
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
        # Lets a worker claim the row meanwhile, but not a flow end it (`lock_for_end`).
        .with_for_update(read=True, key_share=True)
    ).first()
    return Accepted(found.id, RequestState(found.state), is_new=False) if found else None


def wake(session: Session) -> None:
    """Tell the workers, at the commit, that something waits."""
    session.execute(select(func.pg_notify(CHANNEL, "")))


# ------------------------------------------------------------------ reading


def get(session: Session, request_id: int) -> Request:
    """The request with that id.

    Raises:
        RequestNotFound: There is none.
    """
    request = session.get(Request, request_id)
    if request is None:
        raise RequestNotFound(f"there is no request {request_id}")
    return request


# ------------------------------------------------------------------ cancelling


def ask_to_cancel(session: Session, request_id: int, *, requested_by: str, reason: str) -> Request:
    """Note that somebody wants the request to end; the ops side carries it out.

    What is unknown ends so once it is sure that its effect did not happen.

    Raises:
        RequestNotFound: There is no such request.
    """
    request = get(session, request_id)
    if request.state in OPEN:
        session.execute(
            pg_insert(Cancellation)
            .values(request_id=request_id, requested_by=requested_by, reason=reason, at=now())
            .on_conflict_do_nothing()
        )
        wake(session)
    return request


def cancel_waiting(session: Session) -> Sequence[Request]:
    """End the queued requests whose cancellation was asked for."""
    return session.scalars(
        update(Request)
        .where(
            Request.state == RequestState.QUEUED,
            Request.id == Cancellation.request_id,
        )
        .values(
            state=RequestState.CANCELLED,
            finished_at=func.now(),
            error=func.concat("cancelled by ", Cancellation.requested_by),
        )
        .returning(Request)
    ).all()


def cancelled_among(session: Session, ids: Sequence[int]) -> Sequence[Cancellation]:
    """The cancellations asked for the requests `ids`, for which no run was ended yet."""
    return session.scalars(
        select(Cancellation).where(
            Cancellation.request_id.in_(ids), Cancellation.served_at.is_(None)
        )
    ).all()


def serve_cancellation(session: Session, request_id: int) -> None:
    """Note that a run of the request was ended because its cancellation was asked for."""
    session.execute(
        update(Cancellation)
        .where(Cancellation.request_id == request_id, Cancellation.served_at.is_(None))
        .values(served_at=func.now())
    )


def cancellation_of(session: Session, request_id: int) -> Cancellation | None:
    """Who wants the request to end; None where nobody does."""
    return session.get(Cancellation, request_id)


# ------------------------------------------------------------------ working


def claim(
    session: Session,
    *,
    worker: str,
    limit: int,
    lease_seconds: float,
    excluding: Sequence[int] = (),
) -> list[Request]:
    """Claim up to `limit` requests that are due for `worker`, oldest first.

    Those of `excluding` are left: a run of theirs is still ending here.
    """
    limited = _limited(session)
    others = Request.id.not_in(excluding)
    wanted = others & Request.action.not_in(limited)
    claimed = _claim(session, worker, lease_seconds, limit, wanted)
    for action, room in limited.items():
        left = min(limit - len(claimed), room)
        claimed += _claim(session, worker, lease_seconds, left, others & (Request.action == action))
    return sorted(claimed, key=lambda request: request.id)


def room_for(session: Session, action: Action) -> int:
    """The remaining capacity: how many more of the action's requests may be held now.

    An advisory lock serialises those who ask, so the answer holds to the end of the transaction.
    """
    ceiling = action.at_a_time()
    if ceiling is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))
    held = session.scalar(
        select(func.count()).where(Request.action == action.name, Request.state.in_(HELD))
    )
    return max(0, ceiling - (held or 0))


def _limited(session: Session) -> dict[str, int]:
    """The actions that may not have any number of requests held, with the room that is left."""
    limited = [each for each in all_actions().values() if each.at_a_time() is not None]
    waiting = set(session.scalars(select(Request.action).where(_is_due()).distinct()))
    return {each.name: room_for(session, each) if each.name in waiting else 0 for each in limited}


def _is_due() -> ColumnElement[bool]:
    """Whether a request waits to be claimed; what is unknown is looked into when its time comes."""
    return or_(
        and_(
            Request.state == RequestState.QUEUED,
            or_(Request.not_before.is_(None), Request.not_before <= func.now()),
        ),
        and_(Request.state == RequestState.UNKNOWN, Request.not_before <= func.now()),
    )


def _claim(
    session: Session, worker: str, lease_seconds: float, limit: int, wanted: ColumnElement[bool]
) -> list[Request]:
    if limit <= 0:
        return []
    # Chosen once: PostgreSQL may run a subquery for each row, and give other rows each time.
    waiting = (
        select(Request.id)
        .where(_is_due(), wanted)
        .order_by(Request.id)
        .limit(limit)
        # A row that intake holds while it joins it is claimed all the same.
        .with_for_update(skip_locked=True, key_share=True)
        .cte("waiting")
        .prefix_with("MATERIALIZED")
    )
    claimed = session.scalars(
        update(Request)
        .where(Request.id == waiting.c.id)
        .values(
            state=RequestState.CLAIMED,
            worker=worker,
            attempts=Request.attempts + 1,
            claimed_at=func.now(),
            lease_until=_in_seconds(lease_seconds),
            flow_run_id=None,
        )
        .returning(Request)
    )
    return list(claimed)


def claim_new(
    session: Session,
    action: Action,
    parameters: BaseModel,
    *,
    requested_by: str,
    source: str,
    worker: str,
    lease_seconds: float,
    flow_run_id: uuid.UUID | None = None,
) -> Request | None:
    """Accept a request that `worker` already works on; None where one with its key is open."""
    claimed = _insert_unless_open(
        **_wish(action, parameters, requested_by, source),
        state=RequestState.CLAIMED,
        worker=worker,
        attempts=1,
        claimed_at=func.now(),
        lease_until=_in_seconds(lease_seconds),
        flow_run_id=flow_run_id,
    )
    return session.scalar(claimed.returning(Request))


def renew(session: Session, claims: Sequence[Claim], *, lease_seconds: float) -> None:
    """Hold the requests of `claims` for another lease."""
    session.execute(
        update(Request)
        .where(_attempt.in_(_keys(claims)), Request.state.in_(HELD))
        .values(lease_until=_in_seconds(lease_seconds))
    )


def given_up(session: Session, claims: Sequence[Claim]) -> list[int]:
    """The requests of `claims` that were given up: queued again, or at a later attempt."""
    return list(
        session.scalars(
            select(Request.id).where(
                Request.id.in_([each.request_id for each in claims]),
                _attempt.not_in(_keys(claims)) | (Request.state == RequestState.QUEUED),
            )
        )
    )


def note_flow_run(session: Session, claim: Claim, *, state: RequestState) -> None:
    """Note the attempt's flow run and that the request is claimed or running.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    started = {"started_at": func.now()} if state is RequestState.RUNNING else {}
    _write(session, claim, state=state, flow_run_id=claim.flow_run_id, **started)


def finish(
    session: Session,
    claim: Claim,
    state: RequestState,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """End the request, in the transaction that holds what it changed.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    ending = {"state": state, "result": result, "error": error, "finished_at": func.now()}
    _write(session, claim, **ending, lease_until=None, not_before=None)
    wake(session)  # one may wait for the room that this leaves


def end_waiting(
    session: Session,
    request_id: int,
    state: RequestState,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a request that waits, for another that took its work over.

    Returns:
        Whether nobody works on it: it is ended now, or was before.
    """
    request = session.scalars(
        select(Request).where(Request.id == request_id).with_for_update()
    ).one_or_none()
    if request is None or request.state not in OPEN:
        return True
    if request.state in HELD:
        return False
    request.state, request.result, request.error = state, result, error
    request.finished_at, request.not_before = now(), None
    session.flush()
    return True


def give_back(session: Session, claim: Claim, *, error: str | None, delay_seconds: float) -> None:
    """Queue the request again, not before the delay; the next attempt has another number.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _let_go(session, claim, RequestState.QUEUED, error, delay_seconds)


def put_off(session: Session, claim: Claim, *, error: str | None, delay_seconds: float) -> None:
    """Say that the request's effect is unknown; it is looked into again after the delay.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _let_go(session, claim, RequestState.UNKNOWN, error, delay_seconds)


def fence(session: Session, claim: Claim) -> None:
    """Hold the request's row to the end of the transaction, as the attempt that owns it.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=True)


def lock_for_end(session: Session, claim: Claim) -> None:
    """Lock the request's row, so that nobody joins it before the transaction ends.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=False)


def succeed(session: Session, claim: Claim) -> int:
    """Open the successor of the attempt's request, which takes over its dedup key.

    Raises:
        ClaimLost: The attempt does not hold the request.
    """
    _lock(session, claim, is_shared=False)
    predecessor = get(session, claim.request_id)
    if predecessor.successor_id is not None:
        return predecessor.successor_id
    # The key is free only once the predecessor names its successor: first itself, then the other.
    predecessor.successor_id = predecessor.id
    session.flush()
    successor = session.scalar(
        insert(Request)
        .values(
            action=predecessor.action,
            parameters=predecessor.parameters,
            dedup_key=predecessor.dedup_key,
            subject=predecessor.subject,
            requested_by=predecessor.requested_by,
            source="successor",
            created_at=now(),
        )
        .returning(Request.id)
    )
    predecessor.successor_id = successor
    wake(session)
    return int(successor or 0)


def expired(session: Session, *, excluding: Sequence[int] = ()) -> list[Request]:
    """The held requests whose lease has run out, locked, without those of `excluding`."""
    query = (
        select(Request)
        .where(Request.state.in_(HELD), Request.lease_until < func.now())
        .with_for_update(skip_locked=True)
    )
    if excluding:
        query = query.where(Request.id.not_in(excluding))
    return list(session.scalars(query))


def held_by(session: Session, worker: str) -> list[Request]:
    """The requests that `worker` holds."""
    return list(
        session.scalars(select(Request).where(Request.worker == worker, Request.state.in_(HELD)))
    )


_attempt: Final = tuple_(Request.id, Request.attempts)


def _keys(claims: Sequence[Claim]) -> list[tuple[int, int]]:
    return [(each.request_id, each.attempt) for each in claims]


def _in_seconds(seconds: float) -> Any:
    return func.now() + timedelta(seconds=seconds)


def _owned(claim: Claim) -> tuple[Any, ...]:
    return (
        Request.id == claim.request_id,
        Request.attempts == claim.attempt,
        Request.state.in_(HELD),
    )


def _lock(session: Session, claim: Claim, *, is_shared: bool) -> None:
    query = select(Request.id).where(*_owned(claim)).with_for_update(read=is_shared)
    _require_held(claim, session.scalar(query))


def _write(session: Session, claim: Claim, **values: Any) -> None:
    query = update(Request).where(*_owned(claim)).values(**values).returning(Request.id)
    _require_held(claim, session.scalar(query))


def _require_held(claim: Claim, found: int | None) -> None:
    if found is None:
        raise ClaimLost(f"request {claim.request_id} is no longer held by attempt {claim.attempt}")


def _let_go(
    session: Session, claim: Claim, state: RequestState, error: str | None, delay_seconds: float
) -> None:
    waiting = {"state": state, "error": error, "not_before": _in_seconds(delay_seconds)}
    _write(session, claim, **waiting, lease_until=None, worker=None)
    wake(session)
