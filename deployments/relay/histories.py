"""Which runs have all their states relayed: of those nothing has to be read from Prefect."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

from deployments.relay.messages import RunState

_REMEMBERED: Final = 20_000


class Histories:
    """The states up to which everything of their runs is relayed.

    Prefect says of each state whether it is the run's first, and which one it follows: from the
    first one on, a chain without a gap has every state that the run took.
    """

    def __init__(self) -> None:
        self._whole: dict[uuid.UUID, None] = {}

    def note(self, relayed: Iterable[RunState]) -> None:
        """Note states that are in the event table."""
        for state in sorted(relayed, key=lambda each: each.timestamp):
            if state.is_first or state.previous_id in self._whole:
                self._whole[state.state_id] = None
        while len(self._whole) > _REMEMBERED:
            del self._whole[next(iter(self._whole))]

    def are_relayed_up_to(self, state_id: uuid.UUID) -> bool:
        """Whether this state and all that its run took before are known to be relayed."""
        return state_id in self._whole
