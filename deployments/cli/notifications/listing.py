"""`prodops notify list`: the newest notifications, and what became of each."""

from __future__ import annotations

from typing import Annotated

import typer

from deployments.cli import tables
from flows.notifications.domain.words import DeliveryState


def list_newest(
    *,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those of this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the newest notifications; one that was held back names the summary that tells it."""
    from deployments.access import ops_session  # noqa: PLC0415
    from flows.notifications.repository import listing  # noqa: PLC0415

    with ops_session() as session:
        rows = [
            {
                "id": each.id,
                "at": each.at,
                "to": each.recipient,
                "title": each.title,
                "state": each.state,
                "told_by": each.summary_id,
                "tries": each.tries,
                "error": each.error,
            }
            for each in listing.newest(session, listing.Filter(state=state), limit)
        ]
    columns = ["id", "at", "to", "title", "state", "told_by", "tries", "error"]
    tables.show(rows, columns=columns, as_json=as_json)
