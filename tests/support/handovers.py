"""Requests that are handed over to another pool, and the runs that take them."""

from __future__ import annotations

import uuid
from typing import Any

from prefect.client.schemas.objects import FlowRun
from sqlalchemy import Engine, select

from deployments.worker.request_store import RequestStore
from flows.common import actions, handovers, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request
from flows.common.settings import WorkerSettings

POOL = "elsewhere"
SETTINGS = WorkerSettings(lease_seconds=3, stop_grace_seconds=0.2)


def store_of(engine: Engine, worker: str) -> RequestStore:
    return RequestStore(engine, SETTINGS, worker)


def process_of(engine: Engine, pid: int = 1) -> RequestStore:
    """The store of a process of the pool."""
    return store_of(engine, handovers.process(POOL, "host", pid))


def requested(engine: Engine, action: str = "check_pipeline", **parameters: Any) -> int:
    wanted = actions.get(action)
    with transaction(engine) as session:
        form = wanted.parse(parameters)
        return requests.accept(session, wanted, form, caller=on_ops_side("me"), source="test").id


def handed_over(engine: Engine, worker: str = handovers.holder(POOL)) -> Claim:
    """A request that waits for the process of its run."""
    requested(engine)
    [claimed] = store_of(engine, worker).claim(1, None)
    claim = Claim(claimed.id, claimed.attempts, uuid.uuid4())
    with transaction(engine) as session:
        session.get_one(Request, claim.request_id).flow_run_id = claim.flow_run_id
    return claim


def run_of(claim: Claim) -> FlowRun:
    """The flow run of a claim, as a process of it sees it."""
    return a_run(id=claim.flow_run_id, idempotency_key=f"{claim.request_id}:{claim.attempt}")


def a_run(**values: Any) -> FlowRun:
    given = {"id": uuid.uuid4(), "flow_id": uuid.uuid4(), "name": "run", "work_pool_name": POOL}
    return FlowRun(**(given | values))


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def the_only(engine: Engine) -> Request:
    with transaction(engine) as session:
        return session.scalars(select(Request)).one()
