"""The sampling run's records in Prefect: a summary now and then, and one for an error."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task


@task(name="record progress", persist_result=False)
def record_progress(tally: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Record what the run has done since the last summary, `seconds` ago."""
    rate = tally["stfs"] / seconds if seconds else 0.0
    get_run_logger().info(
        "%d STFs (%.1f/s), %d sampled, %d TFs registered, %d set aside",
        tally["stfs"],
        rate,
        tally["sampled"],
        tally["tfs"],
        tally["set_aside"],
    )
    return tally


@task(name="record error", persist_result=False)
def record_error(reasons: list[str]) -> None:
    """Record why STFs were set aside, or what broke."""
    for reason in reasons:
        get_run_logger().error("%s", reason)
