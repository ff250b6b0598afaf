"""One piece of tidying each, retried on its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flows.common.database import make_engine, now, transaction
from flows.common.settings import settings
from flows.housekeeping import repository

_FINAL = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_RUNS_AT_A_TIME = 200


@task(name="delete old events", retries=3, retry_delay_seconds=10, persist_result=False)
def delete_old_events() -> int:
    """Delete the events that are older than they are kept; gives their number."""
    before = now() - timedelta(days=settings().stream.event_days)
    engine = make_engine(pool_size=1)
    try:
        _in_pieces(engine, repository.delete_relayed_states, before)
        return _in_pieces(engine, repository.delete_events, before)
    finally:
        engine.dispose()


@task(name="delete old flow runs", retries=3, retry_delay_seconds=10, persist_result=False)
def delete_old_flow_runs() -> int:
    """Delete the ended flow runs that are older than they are kept; gives their number."""
    before = now() - timedelta(days=settings().prefect.history_days)
    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_FINAL)),
        end_time=FlowRunFilterEndTime(before_=before),
    )
    deleted = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=wanted, limit=_RUNS_AT_A_TIME):
            for run in runs:
                client.delete_flow_run(run.id)
            deleted += len(runs)
    return deleted


def _in_pieces(engine: Engine, delete: Callable[[Session, datetime], int], before: datetime) -> int:
    total = 0
    while True:
        with transaction(engine) as session:
            deleted = delete(session, before)
        total += deleted
        if deleted < repository.PIECE:
            return total
