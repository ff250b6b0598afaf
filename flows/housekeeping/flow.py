"""The nightly tidying."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.common import requests
from flows.common.database import make_engine, transaction
from flows.common.models import RequestState
from flows.housekeeping.tasks import delete_old_events, delete_old_flow_runs


@flow(name="prune-history", persist_result=False)
def prune_history() -> dict[str, Any]:
    """Delete events and flow runs that are older than they are kept.

    Returns:
        Numbers of what was deleted: events, flow_runs.
    """
    result = {"events": delete_old_events(), "flow_runs": delete_old_flow_runs()}
    engine = make_engine(pool_size=1)
    try:
        with transaction(engine) as session:
            requests.finish(session, requests.holder(), RequestState.COMPLETED, result=result)
    finally:
        engine.dispose()
    return result
