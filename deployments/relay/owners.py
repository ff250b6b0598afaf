"""Whose request a flow run works on: by the request's row, the run's tag, or its key at Prefect."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from typing import Any, Final

from deployments.isolation import isolated
from deployments.relay.messages import Belonging, RunState
from deployments.relay.repository import StateRepository
from flows.common.database import now

_REMEMBERED: Final = 5_000
_COMMIT_SECONDS: Final = 2.0  # Prefect announces a run's first state before it commits the run
_COMMIT_POLL: Final = 0.05


class Owners:
    """Finds the requests of flow runs, and remembers them."""

    def __init__(self, repository: StateRepository) -> None:
        self._repository = repository
        self._known: dict[uuid.UUID, Belonging] = {}

    async def of(
        self, client: Any, states: Collection[RunState]
    ) -> list[tuple[RunState, Belonging | None]]:
        """Each state with the request of its run; None where it works on none.

        Raises:
            Exception: An outage of the database or of Prefect.
        """
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        unknown = {
            state.flow_run_id: state.tagged_request_id
            for state in states
            if state.flow_run_id not in self._known
        }
        if unknown:
            self._known |= await asyncio.to_thread(self._repository.belongings, unknown)
        return [(state, await self._owner_or_none(client, state)) for state in states]

    async def _owner_or_none(self, client: Any, state: RunState) -> Belonging | None:
        flow_run_id = state.flow_run_id
        if flow_run_id not in self._known:
            with isolated("the request of a run cannot be found", flow_run=flow_run_id):
                named = await self._named_owner(client, state)
                if named is not None:
                    self._known[flow_run_id] = named
        return self._known.get(flow_run_id)

    async def _named_owner(self, client: Any, state: RunState) -> Belonging | None:
        """The request that the run's idempotency key names, before its row names the run."""
        from deployments.worker.request_store import attempt_of  # noqa: PLC0415

        run = await _committed(client, state)
        attempt = attempt_of(run.idempotency_key) if run else None
        if attempt is None:
            return None
        return await asyncio.to_thread(self._repository.belonging, attempt.request_id)


async def _committed(client: Any, state: RunState) -> Any | None:
    """The flow run of a state once REST knows it; None where it was deleted.

    Only a new state is waited for: runs that were deleted by the hundred hold nobody up.
    """
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    clock = asyncio.get_running_loop().time
    age = (now() - state.timestamp).total_seconds()
    deadline = clock() + _COMMIT_SECONDS - max(0.0, age)
    while True:
        try:
            return await client.read_flow_run(state.flow_run_id)
        except ObjectNotFound:
            if clock() > deadline:
                return None
            await asyncio.sleep(_COMMIT_POLL)
