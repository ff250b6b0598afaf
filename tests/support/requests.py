"""Requests of an action that does nothing, for tests: asked for, claimed and ended, one by one."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import Engine, func, update

from flows.common import claiming, holding, leases, requests
from flows.common.actions import Action, OnLost
from flows.common.callers import Caller, on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.requests import Accepted

ME: Final = on_ops_side("me")
THREADS: Final = 20
LEASE_SECONDS: Final = 60.0


class Thing(BaseModel):
    name: str = "a"
    is_deduplicated: bool = True


ACTION: Final = Action(
    name="test_action",
    summary="Nothing.",
    parameters=Thing,
    dedup_key=lambda thing: thing.name if thing.is_deduplicated else None,
    subject=lambda thing: thing.name,
    timeout_seconds=10,
    on_lost=OnLost.RERUN,
)
BULK: Final = replace(ACTION, name="bulk", is_background=True)
LIMITED: Final = replace(ACTION, name="limited", at_a_time=lambda: 2)

Know = Callable[..., None]
"""Makes these actions known, besides the three above."""


def accept(
    engine: Engine, name: str = "a", *, caller: Caller = ME, is_deduplicated: bool = True
) -> Accepted:
    thing = Thing(name=name, is_deduplicated=is_deduplicated)
    with transaction(engine) as session:
        return requests.accept(session, ACTION, thing, caller=caller, source="test")


def asked(engine: Engine, *wanted: Action) -> list[int]:
    with transaction(engine) as session:
        return [
            requests.accept(
                session, each, Thing(is_deduplicated=False), caller=ME, source="test"
            ).id
            for each in wanted
        ]


def claim(engine: Engine, worker: str = "w", limit: int = 100) -> list[Request]:
    with transaction(engine) as session:
        return claiming.claim(session, worker=worker, limit=limit, lease_seconds=LEASE_SECONDS)


def claimed(engine: Engine, name: str = "a") -> Claim:
    """A new request, claimed; the attempt that holds it."""
    accept(engine, name)
    (request,) = claim(engine)
    return Claim(request.id, request.attempts, uuid.uuid4())


def over(engine: Engine) -> Claim:
    """A request of nobody's that is over, and the attempt that did it."""
    done = Request(
        action="another", parameters={}, requested_by="me", source="test",
        state=RequestState.COMPLETED, finished_at=func.now(),
    )  # fmt: skip
    with transaction(engine) as session:
        session.add(done)
        session.flush()
        return Claim(done.id, 1, uuid.uuid4())


def claimed_ids(
    engine: Engine, limit: int, background: int | None = None, **more: Any
) -> list[int]:
    with transaction(engine) as session:
        found = claiming.claim(
            session,
            worker="w",
            limit=limit,
            lease_seconds=LEASE_SECONDS,
            background=background,
            **more,
        )
    return [each.id for each in found]


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def finish(engine: Engine, holder: Claim, state: RequestState = RequestState.COMPLETED) -> None:
    with transaction(engine) as session:
        holding.finish(session, holder, state, result={"by": holder.attempt})


def give_back(engine: Engine, holder: Claim, delay_seconds: float = 0.0) -> None:
    with transaction(engine) as session:
        holding.give_back(session, holder, error="lost", delay_seconds=delay_seconds)


def let_lease_expire(engine: Engine, request_id: int) -> None:
    with transaction(engine) as session:
        session.execute(
            update(Request).where(Request.id == request_id).values(lease_until=func.now())
        )


def expired(engine: Engine, excluding: Sequence[int] = ()) -> list[int]:
    with transaction(engine) as session:
        return [each.request_id for each in leases.overdue(session, excluding=excluding)[1]]


def at_once(work: Callable[[int], Any], number: int = THREADS) -> list[Any]:
    """What `number` threads give that all start `work` at the same moment."""
    gate = threading.Barrier(number)

    def start(index: int) -> Any:
        gate.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(start, range(number)))
