"""Requests: accepted once, claimed by lease, ended once. All their SQL is here; nothing commits.

``queued -> claimed -> running -> completed | failed | cancelled | unknown``. What is unknown is
claimed again when its time comes, until a run has found the truth. An attempt number fences every
write of a holder: an attempt that was given up can no longer write.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import structlog
from pydantic import BaseModel
from sqlalchemy import CTE, ColumnElement, and_, case, func, insert, or_, select, tuple_, update
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blocks.errors import NotFound
from flows.common import text
from flows.common.access import access_refused
from flows.common.actions import Action, all_actions
from flows.common.callers import Caller, Proof
from flows.common.claims import Claim, ClaimLost
from flows.common.database import now
from flows.common.models import HELD, OPEN, Cancellation, Request, RequestState

CHANNEL: Final = "prodops_request"
PAGE: Final = "page"
"""The source of what was asked for by opening a page."""
_ACCEPT_TRIES: Final = 10
_log = structlog.get_logger("requests")
_NO_CEILING: Final = 1_000_000
_LIMITS_LOCK: Final = 0x6C696D69  # "limi": serialises the counting of held requests


_ACCEPT: Final = sql_text("SELECT request_accept(:means, :proof, cast(:wanted AS jsonb))")
_CANCEL: Final = sql_text(
    "SELECT request_cancel(:means, :proof, :request_id, :requested_by, :reason)"
)


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


def _insert(session: Session, wish: dict[str, Any], proof: Proof | None) -> int | None:
    """Insert the request unless one with its key is open; gives its id.

    Where there is a proof, the database looks at it: the web role has no other way in.
    """
    if proof is None:
        return session.scalar(_insert_unless_open(**wish).returning(Request.id))
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


def ask_to_cancel(session: Session, request_id: int, *, caller: Caller, reason: str) -> Request:
    """Note that somebody wants the request to end; the ops side carries it out.

    What is unknown ends so once it is sure that its effect did not happen.

    Raises:
        RequestNotFound: There is no such request.
        Forbidden: It is another's, and the caller may not operate.
    """
    request = get(session, request_id)
    caller.require_own(request.requested_by, f"Cancelling request {request_id}")
    if request.state in OPEN:
        _note_cancellation(session, request_id, caller, reason)
        wake(session)
    return request


def _note_cancellation(session: Session, request_id: int, caller: Caller, reason: str) -> None:
    values = {"request_id": request_id, "requested_by": caller.name, "reason": reason}
    if caller.proof is None:
        unless_noted = pg_insert(Cancellation).values(**values, at=now()).on_conflict_do_nothing()
        session.execute(unless_noted)
        return
    shown = {"means": caller.proof.means, "proof": caller.proof.value}
    with access_refused():
        session.execute(_CANCEL, values | shown)


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


def end_looks(session: Session, *, seconds: float) -> Sequence[Request]:
    """End what only the opening of a page asked for, and what has not begun for so long."""
    looks = [each.name for each in all_actions().values() if each.is_look]
    return session.scalars(
        update(Request)
        .where(
            Request.action.in_(looks),
            Request.source == PAGE,
            Request.state == RequestState.QUEUED,
            Request.attempts == 0,
            Request.created_at < func.now() - timedelta(seconds=seconds),
        )
        .values(
            state=RequestState.CANCELLED,
            finished_at=func.now(),
            error=f"nobody waits for it any more: it had not begun after {seconds:g} s",
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
    background: int | None = None,
    excluding: Sequence[int] = (),
) -> list[Request]:
    """Claim up to `limit` requests for `worker`: those that are due, in one order, by their age.

    No action passes its ceiling, and what nobody here knows is left to workers that do.

    Args:
        session: The transaction that claims.
        worker: Who holds them from now on.
        limit: How many at most.
        lease_seconds: For how long, unless they are renewed.
        background: How many of them may be of background actions; None: any number.
        excluding: Those that are left: a run of theirs is still ending here.
    """
    room = _room(session) if limit > 0 else {}
    if not room:
        return []
    waiting = _waiting(room, excluding, limit, limit if background is None else background)
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
    return sorted(claimed, key=lambda request: request.id)


def unknown_actions(session: Session) -> list[str]:
    """The actions for which requests wait, and which nobody here knows."""
    strange = Request.action.not_in(all_actions())
    query = select(Request.action).where(_is_due(), strange).distinct()
    return list(session.scalars(query.order_by(Request.action)))


def room_for(session: Session, action: Action) -> int:
    """The remaining capacity: how many more of the action's requests may be held now.

    An advisory lock serialises those who ask, so the answer holds to the end of the transaction.
    """
    ceiling, rate = action.at_a_time(), action.a_minute()
    if ceiling is None and rate is None:
        return _NO_CEILING
    session.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))
    room = _NO_CEILING
    if ceiling is not None:
        room = ceiling - _count(session, action, Request.state.in_(HELD))
    if rate is not None:
        room = min(room, rate - _count(session, action, *_begun_lately()))
    return max(0, room)


def _count(session: Session, action: Action, *which: ColumnElement[bool]) -> int:
    query = select(func.count()).where(Request.action == action.name, *which)
    return session.scalar(query) or 0


def _begun_lately() -> tuple[ColumnElement[bool], ...]:
    # The age lets the index on it be used; what waited longer than that is no rush.
    is_young = Request.created_at > func.now() - timedelta(hours=1)
    return is_young, Request.claimed_at > func.now() - timedelta(minutes=1)


def _room(session: Session) -> dict[str, int]:
    """The known actions for which requests are due, with how many more of each may be held."""
    waiting = set(session.scalars(select(Request.action).where(_is_due()).distinct()))
    room: dict[str, int] = {}
    for action in all_actions().values():
        if action.name in waiting:
            try:
                room[action.name] = room_for(session, action)
            except DBAPIError:
                raise
            except Exception:  # noqa: BLE001 - a broken ceiling stops its own action alone
                _log.exception("the ceiling of an action is broken", action=action.name)
    return room


def _is_due() -> ColumnElement[bool]:
    """Whether a request waits to be claimed; what is unknown is looked into when its time comes."""
    return or_(
        and_(
            Request.state == RequestState.QUEUED,
            or_(Request.not_before.is_(None), Request.not_before <= func.now()),
        ),
        and_(Request.state == RequestState.UNKNOWN, Request.not_before <= func.now()),
    )


def _waiting(room: Mapping[str, int], excluding: Sequence[int], limit: int, background: int) -> CTE:
    """The oldest that fit: first into the room of their action, then into the background's."""
    place = func.row_number()
    due = (
        select(Request.id, Request.action)
        .add_columns(place.over(partition_by=Request.action, order_by=Request.id).label("place"))
        .where(_is_due(), Request.action.in_(room), Request.id.not_in(excluding))
        .subquery("due")
    )
    is_background = due.c.action.in_([name for name in room if all_actions()[name].is_background])
    fitting = (
        select(due.c.id, is_background.label("is_background"))
        .add_columns(place.over(partition_by=is_background, order_by=due.c.id).label("place"))
        .where(due.c.place <= case(dict(room), value=due.c.action))
        .subquery("fitting")
    )
    return (
        select(Request.id)
        .join(fitting, fitting.c.id == Request.id)
        # Asked again: of a row that another has claimed meanwhile, the places tell nothing.
        .where(_is_due(), or_(~fitting.c.is_background, fitting.c.place <= background))
        .order_by(Request.id)
        .limit(limit)
        # A row that intake holds while it joins it is claimed all the same.
        .with_for_update(of=Request, skip_locked=True, key_share=True)
        # Chosen once: PostgreSQL may run a subquery for each row, and give other rows each time.
        .cte("waiting")
        .prefix_with("MATERIALIZED")
    )


def claim_new(
    session: Session,
    action: Action,
    parameters: BaseModel,
    *,
    caller: Caller,
    source: str,
    worker: str,
    lease_seconds: float,
    flow_run_id: uuid.UUID | None = None,
) -> Request | None:
    """Accept a request that `worker` already works on; None where one with its key is open."""
    claimed = _insert_unless_open(
        **_wish(action, parameters, caller, source),
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
    ending = {"state": state, "result": result, "error": _kept(error), "finished_at": func.now()}
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


@dataclass(frozen=True)
class Overdue:
    """An attempt whose lease ran out, and when: by the database's clock, as all of a lease is."""

    request_id: int
    attempt: int
    lease_until: datetime


def overdue(session: Session, *, excluding: Sequence[int] = ()) -> tuple[datetime, list[Overdue]]:
    """The database's time, and what is held by a lease that has run out by then.

    Requests of `excluding` are left, and those of an action that nobody here knows.
    """
    at: datetime = session.execute(select(func.now())).scalar_one()
    found = session.execute(
        select(Request.id, Request.attempts, Request.lease_until)
        .where(Request.state.in_(HELD), Request.lease_until < at)
        .where(Request.action.in_(all_actions()), Request.id.not_in(excluding))
    )
    return at, [Overdue(*row) for row in found]


def take_over(
    session: Session, silent: Sequence[Overdue], *, lease_seconds: float
) -> list[Request]:
    """Hold those for another lease, to recover them, whose owner has not renewed it since."""
    same = tuple_(Request.id, Request.attempts, Request.lease_until).in_(
        [(each.request_id, each.attempt, each.lease_until) for each in silent]
    )
    found = list(
        session.scalars(
            select(Request)
            .where(same, Request.state.in_(HELD))
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    renew(session, [Claim(each.id, each.attempts) for each in found], lease_seconds=lease_seconds)
    return found


def held_by(session: Session, worker: str) -> list[Request]:
    """The requests that `worker` holds, of actions that are known here."""
    held = select(Request).where(Request.worker == worker, Request.state.in_(HELD))
    return list(session.scalars(held.where(Request.action.in_(all_actions()))))


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


def _kept(error: str | None) -> str | None:
    return text.kept(error) if error is not None else None


def _require_held(claim: Claim, found: int | None) -> None:
    if found is None:
        raise ClaimLost(f"request {claim.request_id} is no longer held by attempt {claim.attempt}")


def _let_go(
    session: Session, claim: Claim, state: RequestState, error: str | None, delay_seconds: float
) -> None:
    waiting = {"state": state, "error": _kept(error), "not_before": _in_seconds(delay_seconds)}
    _write(session, claim, **waiting, lease_until=None, worker=None)
    wake(session)
