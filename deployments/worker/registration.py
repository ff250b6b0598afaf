"""What Prefect knows: our pool and deployments, made the same at every start, and runs' states."""

from __future__ import annotations

import uuid
from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import State, WorkPool
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from deployments import catalogue
from deployments.isolation import isolated
from flows.common import actions
from flows.common.action_descriptions import described
from flows.common.actions import Action

WORKER_TYPE: Final = "prodops"
LOCKED_TEMPLATE: Final[dict[str, Any]] = {
    "job_configuration": {"name": "prodops"},
    # Nothing of a job can be set from outside: no command, no environment.
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}


async def register(client: PrefectClient, pool: str) -> None:
    """Register the work pool, and the deployment of every action; one that fails keeps no other."""
    await register_pool(client, pool)
    for action in actions.all_actions().values():
        with isolated("a deployment could not be registered", deployment=action.name):
            await register_deployment(client, pool, action)


async def deployments_in(client: PrefectClient, pool: str) -> int:
    """How many deployments the pool has: cheaper than to read them, each with its whole schema."""
    in_pool = {"work_pools": {"name": {"any_": [pool]}}}
    return int((await client.request("POST", "/deployments/count", json=in_pool)).json())


async def missing_actions(client: PrefectClient, pool: str) -> list[Action]:
    """The actions of which the pool has no deployment.

    Those that are there stay as they are: an operator may have changed a limit or a schedule.
    """
    in_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    found = {each.name for each in await client.read_deployments(work_pool_filter=in_pool)}
    return [action for name, action in actions.all_actions().items() if name not in found]


async def state_of(client: PrefectClient, flow_run_id: uuid.UUID | None) -> State[Any] | None:
    """The state of a flow run; None where there is no such run."""
    if flow_run_id is None:
        return None
    try:
        return (await client.read_flow_run(flow_run_id)).state
    except ObjectNotFound:
        return None


async def register_pool(client: PrefectClient, name: str) -> WorkPool:
    """Make the work pool where there is none, and its template the locked one."""
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        return await client.create_work_pool(
            WorkPoolCreate(name=name, type=WORKER_TYPE, base_job_template=LOCKED_TEMPLATE)
        )
    if pool.base_job_template != LOCKED_TEMPLATE:
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=LOCKED_TEMPLATE))
    return pool


async def register_deployment(client: PrefectClient, pool: str, action: Action) -> uuid.UUID:
    """Make the deployment of an action as it is declared; gives its id."""
    schedules = []
    if action.schedule is not None:
        cron = CronSchedule(cron=action.schedule, timezone="UTC")
        schedules = [DeploymentScheduleCreate(schedule=cron, active=True)]
    return await client.create_deployment(
        flow_id=await client.create_flow(catalogue.flow_of(action.name)),
        name=action.name,
        entrypoint=actions.entrypoints()[action.name],
        description=described(action),
        work_pool_name=pool,
        concurrency_limit=action.runs_at_a_time,
        parameter_openapi_schema=catalogue.form_schema(action),
        enforce_parameter_schema=True,
        schedules=schedules,
        pull_steps=None,
        tags=["prodops"],
    )
