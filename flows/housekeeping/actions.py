"""What may be requested of housekeeping."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.common.actions import Action, OnLost


class PruneHistory(BaseModel):
    """Nothing to choose: the settings say how long things are kept."""

    model_config = ConfigDict(extra="forbid")


PRUNE_HISTORY = Action(
    name="prune_history",
    summary="Delete events and flow runs that are older than they are kept.",
    parameters=PruneHistory,
    dedup_key=lambda _: "all",
    subject=lambda _: None,
    timeout_seconds=3600,
    on_lost=OnLost.RERUN,
)

ACTIONS = (PRUNE_HISTORY,)
