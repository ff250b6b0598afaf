"""One piece of tidying each, retried on its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType

from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.common.models import Event, RelayedState
from flows.common.settings import settings
from flows.housekeeping import repository

_FINAL = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]
_RUNS_AT_A_TIME = 200
_DELAYS = (10.0, 10.0, 10.0)


@task("delete old events", delays=_DELAYS)
def delete_old_events() -> int:
    """Delete the events that are older than they are kept; gives their number."""
    before = now() - timedelta(days=settings().stream.event_days)
    _in_pieces(RelayedState, before)
    return _in_pieces(Event, before)


@task("delete old flow runs", delays=_DELAYS, repeated=(Exception,))
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


def _in_pieces(model: type[Event | RelayedState], before: datetime) -> int:
    total, deleted = 0, repository.PIECE
    while deleted == repository.PIECE:
        deleted = run.current().write(
            lambda session, _: repository.delete_piece(session, model, before)
        )
        total += deleted
    return total
