"""The nightly tidying, and a check of the whole way from a trigger to a flow."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.common import requests
from flows.common.database import make_engine, now, transaction
from flows.common.models import RequestState
from flows.housekeeping.tasks import delete_old_events, delete_old_flow_runs


@flow(name="prune-history", persist_result=False)
def prune_history() -> dict[str, Any]:
    """Delete events and flow runs that are older than they are kept.

    Returns:
        Numbers of what was deleted: events, flow_runs.
    """
    result = {"events": delete_old_events(), "flow_runs": delete_old_flow_runs()}
    _complete(lambda _: result)
    return result


@flow(name="check-pipeline", persist_result=False)
def check_pipeline() -> None:
    """Tell how long the way from the trigger to here was, in seconds, as the request's result."""
    first_line = now()
    _complete(
        lambda request: {
            "first_line_at": first_line.isoformat(),
            "trigger_to_start_s": (first_line - request.created_at).total_seconds(),
        }
    )


def _complete(result: Any) -> None:
    engine = make_engine(pool_size=1)
    attempt = requests.holder()
    try:
        with transaction(engine) as session:
            told = result(requests.get(session, attempt.request_id))
            requests.finish(session, attempt, RequestState.COMPLETED, result=told)
    finally:
        engine.dispose()
