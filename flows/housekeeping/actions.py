"""What may be requested of housekeeping."""

from __future__ import annotations

from flows.common.actions import Action, Nothing, OnLost

PRUNE_HISTORY = Action(
    name="prune_history",
    summary="Delete history that is older than it is kept, or more.",
    verb="prune history",
    guidance="It runs every night. By hand, after a setting of what is kept was shortened, or "
    "where the disk is nearly full. It deletes in small pieces for "
    "`PRODOPS_HISTORY_PRUNE_SECONDS`; where that was not enough, its result names what is "
    "`unfinished`, and the next run goes on.",
    parameters=Nothing,
    dedup_key=lambda _: "all",
    subject=lambda _: None,
    timeout_seconds=3600,
    schedule="30 3 * * *",
    runs_at_a_time=1,
    on_lost=OnLost.RERUN,
    is_background=True,
)

CHECK_PIPELINE = Action(
    name="check_pipeline",
    summary="Measure the time from the trigger to the flow's first line, and do nothing else.",
    verb="check pipeline",
    guidance="To see that worker, Prefect and database work together: it completes within a "
    "second and changes nothing.",
    parameters=Nothing,
    dedup_key=lambda _: None,
    subject=lambda _: None,
    timeout_seconds=60,
    on_lost=OnLost.FAIL,
)

ACTIONS = (CHECK_PIPELINE, PRUNE_HISTORY)
