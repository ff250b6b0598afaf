"""Making Prefect know our pool and deployments; the same at every start."""

from __future__ import annotations

from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema

from deployments import catalogue
from deployments.catalogue import Entry

WORKER_TYPE: Final = "prodops"
LOCKED_TEMPLATE: Final[dict[str, Any]] = {
    "job_configuration": {"name": "prodops"},
    # Nothing of a job can be set from outside: no command, no environment.
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}


async def register(client: PrefectClient, pool: str) -> None:
    """Register the work pool and every deployment of `prefect.yaml`."""
    await _register_pool(client, pool)
    for entry in catalogue.entries():
        await _register_deployment(client, pool, entry)


async def _register_pool(client: PrefectClient, name: str) -> WorkPool:
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        return await client.create_work_pool(
            WorkPoolCreate(name=name, type=WORKER_TYPE, base_job_template=LOCKED_TEMPLATE)
        )
    if pool.base_job_template != LOCKED_TEMPLATE:
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=LOCKED_TEMPLATE))
    return pool


async def _register_deployment(client: PrefectClient, pool: str, entry: Entry) -> None:
    flow = catalogue.load(entry.entrypoint)
    flow_id = await client.create_flow(flow)
    schema = parameter_schema(flow)
    await client.create_deployment(
        flow_id=flow_id,
        name=entry.name,
        entrypoint=entry.entrypoint,
        description=entry.description,
        work_pool_name=pool,
        concurrency_limit=entry.concurrency_limit,
        parameter_openapi_schema=schema.model_dump_for_openapi(),
        enforce_parameter_schema=True,
        schedules=[_schedule(each) for each in entry.schedules],
        pull_steps=None,
        tags=["prodops"],
    )


def _schedule(described: dict[str, Any]) -> DeploymentScheduleCreate:
    fields = {key: value for key, value in described.items() if key not in {"active", "slug"}}
    schedule = CronSchedule(**fields) if "cron" in fields else IntervalSchedule(**fields)
    return DeploymentScheduleCreate(schedule=schedule, active=described.get("active", True))
