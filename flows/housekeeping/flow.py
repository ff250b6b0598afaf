"""The nightly tidying, and a check of the whole way from a trigger to a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.common import requests, run
from flows.common.actions import Nothing
from flows.common.claims import ClaimLost
from flows.common.database import now
from flows.common.flow import flow
from flows.common.run import Ending
from flows.housekeeping.actions import CHECK_PIPELINE, PRUNE_HISTORY
from flows.housekeeping.tasks import delete_old_flow_runs, delete_old_rows, mark_old_runs


@flow(PRUNE_HISTORY)
def prune_history(_: Nothing) -> dict[str, Any]:
    """Delete flow runs and rows that are as old as they are kept, or more than are kept.

    One part that fails does not keep the others from being done, and is named at the end.

    Returns:
        flow_runs: how many were deleted, and whether all; runs: of how many the files go from now
        on; rows: how many were deleted of each kind, with the kinds that are `unfinished`.
    """
    parts: dict[str, Callable[[], Any]] = {
        "flow_runs": delete_old_flow_runs,
        "runs": mark_old_runs,
        "rows": lambda: delete_old_rows(result.get("runs", 1)),
    }
    result: dict[str, Any] = {}
    failures: list[str] = []
    for name, part in parts.items():
        try:
            result[name] = part()
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the request fails with it
            failures.append(f"{name}: {error}")
    run.current().finish_parts(result, failures)
    return result


@flow(CHECK_PIPELINE)
def check_pipeline(_: Nothing) -> dict[str, Any]:
    """Tell how long the way from the trigger to here was.

    Returns:
        first_line_at; trigger_to_start_s, in seconds.
    """
    first_line, present = now(), run.current()
    request = present.read(lambda session: requests.get(session, present.claim.request_id))
    result = {
        "first_line_at": first_line.isoformat(),
        "trigger_to_start_s": (first_line - request.created_at).total_seconds(),
    }
    present.finish(Ending(result=result))
    return result
