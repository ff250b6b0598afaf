"""Flow runs at Prefect: made, admitted, looked at, and brought to a final state."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import OrchestrationResult
from prefect.client.schemas.sorting import FlowRunSort
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
from flows.common.database import now
from flows.common.models import Request
from flows.common.run_labels import RunLabels, labels_of

_UNFIT: Final = {
    httpx.codes.CONFLICT,  # the deployment's form is not the action's
    httpx.codes.UNPROCESSABLE_ENTITY,  # it has job variables, which the pool's template forbids
}

_KEPT: Final = OrchestrationResult[Any]  # as in run_client.py

_log = structlog.get_logger("worker")


@dataclass(frozen=True)
class FlowRuns:
    """The flow runs of one worker's pool."""

    client: PrefectClient
    registry: Registry

    async def create(self, request: Request, *, begins_here: bool = False) -> FlowRun:
        """The flow run of the request's present attempt: a new one, or the one that it has.

        Args:
            request: The request.
            begins_here: Whether this worker starts it at once. It is made pending then, which saves
                a call, unless Prefect counts the runs of its deployment and has to be asked.
        """
        labels = labels_of_request(request)
        for is_second_try in (False, True):
            try:
                deployment = await self.registry.deployment(request.action)
                is_free = begins_here and not self.registry.counts_runs(request.action)
                return await self.client.create_flow_run_from_deployment(
                    deployment,
                    state=Pending() if is_free else None,
                    parameters=request.parameters,
                    idempotency_key=idempotency_key(request),
                    name=labels.name,
                    tags=labels.tags,
                )
            except (ObjectNotFound, httpx.HTTPStatusError) as error:
                if is_second_try:
                    raise
                await self._mend_deployment(request, error)
        raise AssertionError("unreachable")

    async def _mend_deployment(
        self, request: Request, error: ObjectNotFound | httpx.HTTPStatusError
    ) -> None:
        """Have the request's deployment registered as a run can be made of it, or raise the error.

        Raises:
            ObjectNotFound, HTTPStatusError: It is not the deployment that is in the way.
        """
        status = _status_of(error)
        if status == httpx.codes.NOT_FOUND:
            self.registry.forget()
        elif status in _UNFIT:
            await self.registry.restore(actions.get(request.action))
        else:
            raise error

    async def label(self, flow_run: FlowRun, request: Request) -> None:
        """Name a run that Prefect started for its request, beside the tags that it has."""
        labels = labels_of_request(request)
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

    async def without_queue(self) -> list[FlowRun]:
        """The runs of our deployments that are due, and whose work queue or pool was deleted.

        Prefect's poll asks for the runs of queues, so it brings none of them.
        """
        known = actions.all_actions().values()
        due = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=now()),
        )
        runs = await self.client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[each.flow_name for each in known])),
            deployment_filter=DeploymentFilter(
                name=DeploymentFilterName(any_=[each.name for each in known])
            ),
            flow_run_filter=due,
            sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        )
        # Their column `work_queue_name`, by which Prefect could choose them, still has its name.
        return [run for run in runs if run.work_queue_id is None]

    async def state(self, flow_run_id: uuid.UUID) -> State[Any] | None:
        """Its state; None where it was deleted."""
        return await state_of(self.client, flow_run_id)

    async def force(self, flow_run_id: uuid.UUID, state: State[Any]) -> None:
        """Set a final state, whatever the run's state is."""
        try:
            await self.client.set_flow_run_state(flow_run_id, state, force=True)
        except ObjectNotFound:
            _log.warning("a flow run was deleted while it ran", flow_run=str(flow_run_id))


def labels_of_request(request: Request) -> RunLabels:
    """What the run of a request's present attempt is called and tagged with."""
    action = actions.get(request.action)
    return labels_of(
        action,
        action.parse(request.parameters),
        request_id=request.id,
        attempt=request.attempts,
        requested_by=request.requested_by,
    )


def _status_of(error: ObjectNotFound | httpx.HTTPStatusError) -> int:
    """The status of Prefect's answer: its client has two ways to say that something is missing."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code
    return httpx.codes.NOT_FOUND
