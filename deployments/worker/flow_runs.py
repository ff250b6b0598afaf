"""Flow runs at Prefect: made, admitted, looked at, and brought to a final state."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Pending
from prefect.utilities.engine import propose_state

from blocks.errors import ProdOpsError
from deployments.isolation import outlived
from deployments.worker.registration import state_of
from deployments.worker.registry import Registry
from deployments.worker.request_store import idempotency_key
from flows.common import actions
from flows.common.actions import Action
from flows.common.models import Request
from flows.common.run_labels import RunLabels, labels_of

_log = structlog.get_logger("worker")


@dataclass(frozen=True)
class FlowRuns:
    """The flow runs of one worker's pool."""

    client: PrefectClient
    registry: Registry

    async def create(self, request: Request) -> FlowRun:
        """The flow run of the request's present attempt: a new one, or the one that it has."""
        labels = _labels_of(request)
        for is_second_try in (False, True):
            try:
                return await self.client.create_flow_run_from_deployment(
                    await self.registry.deployment(request.action),
                    parameters=request.parameters,
                    idempotency_key=idempotency_key(request),
                    name=labels.name,
                    tags=labels.tags,
                )
            except (ObjectNotFound, httpx.HTTPStatusError) as error:
                if is_second_try or not _is_missing(error):
                    raise
                self.registry.forget()
        raise AssertionError("unreachable")

    async def label(self, flow_run: FlowRun, request: Request) -> None:
        """Name a run that Prefect started for its request, beside the tags that it has."""
        labels = _labels_of(request)
        flow_run.name, flow_run.tags = labels.name, sorted({*flow_run.tags, *labels.tags})
        with outlived("a run keeps the name that Prefect gave it"):
            await self.client.update_flow_run(flow_run.id, name=flow_run.name, tags=flow_run.tags)

    async def propose_pending(self, flow_run: FlowRun) -> State[Any] | None:
        """The state that Prefect answers; None where another worker has the run."""
        try:
            return await propose_state(self.client, Pending(), flow_run_id=flow_run.id)
        except Abort:
            return None

    async def action_of(self, flow_run: FlowRun) -> Action:
        """The action whose deployment the run is of.

        Raises:
            ProdOpsError: It is of none.
        """
        if flow_run.deployment_id is None:
            raise ProdOpsError("the run has no deployment, so it belongs to no action")
        deployment = await self.client.read_deployment(flow_run.deployment_id)
        return actions.get(deployment.name)

    async def read(self, ids: Sequence[uuid.UUID]) -> list[FlowRun]:
        """Those of the runs that there are; no more than Prefect gives at once."""
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(ids)))
        return await self.client.read_flow_runs(flow_run_filter=wanted)

    async def state(self, flow_run_id: uuid.UUID) -> State[Any] | None:
        """Its state; None where it was deleted."""
        return await state_of(self.client, flow_run_id)

    async def force(self, flow_run_id: uuid.UUID, state: State[Any]) -> None:
        """Set a final state, whatever the run's state is."""
        try:
            await self.client.set_flow_run_state(flow_run_id, state, force=True)
        except ObjectNotFound:
            _log.warning("a flow run was deleted while it ran", flow_run=str(flow_run_id))


def _labels_of(request: Request) -> RunLabels:
    action = actions.get(request.action)
    return labels_of(
        action,
        action.parse(request.parameters),
        request_id=request.id,
        attempt=request.attempts,
        requested_by=request.requested_by,
    )


def _is_missing(error: ObjectNotFound | httpx.HTTPStatusError) -> bool:
    """Whether Prefect has not what was asked for: its client has two ways to say so."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == httpx.codes.NOT_FOUND
    return True
