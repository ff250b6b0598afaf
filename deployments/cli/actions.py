"""`prodops actions`: what may be requested, and what was edited of it in Prefect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli import tables

if TYPE_CHECKING:
    from deployments.worker.deployment_parts import Edit

_COLUMNS = ["action", "schedule", "limit", "edited"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]


def list_actions(*, as_json: AsJson = False) -> None:
    """List the actions with their schedules and limits, and what an operator edited in Prefect."""
    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    join_prefect()
    from flows.common import actions  # noqa: PLC0415

    edits = asyncio.run(_edits())
    rows: list[dict[str, Any]] = []
    for name, action in actions.all_actions().items():
        said = [in_words(each) for each in edits if each.deployment == name]
        row = {"action": name, "schedule": action.schedule, "limit": action.runs_at_a_time}
        rows.append(row | {"edited": "; ".join(said)})
    tables.show(rows, columns=_COLUMNS, as_json=as_json)


def in_words(edit: Edit) -> str:
    """An edit, e.g. ``schedule: 0 3 * * * (declared 0 2 * * *)``."""
    return f"{edit.part}: {edit.now} (declared {edit.declared})"


async def _edits() -> list[Edit]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - environment first

    from deployments.access import ops_engine  # noqa: PLC0415
    from deployments.other_pools.choosing import elsewhere  # noqa: PLC0415
    from deployments.worker.registered import RegisteredDeployments  # noqa: PLC0415
    from deployments.worker.registration import Registration  # noqa: PLC0415
    from flows.common import actions  # noqa: PLC0415
    from flows.common.settings import settings  # noqa: PLC0415

    async with get_client() as client:
        kept = RegisteredDeployments(ops_engine())
        configured = settings().prefect
        others = elsewhere(configured.pools, actions.all_actions(), configured.pool)
        registration = Registration(client, configured.pool, kept, others)
        return registration.edits(await registration.deployments())
