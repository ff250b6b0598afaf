"""What Prefect knows: our pool and deployments, kept as they are declared; and runs' states.

An operator's edit of a deployment stays until the declaration of that very part changes.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import State, WorkPool, WorkQueue
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments import catalogue
from deployments.isolation import isolated
from deployments.worker import deployment_parts
from deployments.worker.deployment_parts import TAGS, Edit, Part, Parts
from deployments.worker.registered import RegisteredDeployments
from flows.common import actions
from flows.common.actions import Action
from flows.common.capacity import SharedCeiling

WORKER_TYPE: Final = "prodops"
LOCKED_TEMPLATE: Final[dict[str, Any]] = {
    "job_configuration": {"name": "prodops"},
    # Nothing of a job can be set from outside: no command, no environment.
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
_PAGE: Final = 200  # what Prefect gives at most
_NAMES: Final = {
    Part.LIMIT: "concurrency_limit",
    Part.POOL: "work_pool_name",
    Part.DESCRIPTION: "description",
    Part.TAGS: "tags",
    Part.PARAMETERS: "parameters",
    Part.COLLISIONS: "concurrency_options",
    Part.JOB_VARIABLES: "job_variables",
}

Deployment = Mapping[str, Any]
"""A deployment as Prefect's REST answers it."""

_log = structlog.get_logger("worker")


# ------------------------------------------------------------------ the pool, and runs


async def register_pool(client: PrefectClient, name: str) -> WorkPool:
    """Make the work pool where there is none, and its template the locked one."""
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        wanted = WorkPoolCreate(name=name, type=WORKER_TYPE, base_job_template=LOCKED_TEMPLATE)
        try:
            return await client.create_work_pool(wanted)
        except ObjectAlreadyExists:  # another worker was first
            pool = await client.read_work_pool(name)
    if pool.base_job_template != LOCKED_TEMPLATE:
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=LOCKED_TEMPLATE))
    return pool


async def state_of(client: PrefectClient, flow_run_id: uuid.UUID | None) -> State[Any] | None:
    """The state of a flow run; None where there is no such run."""
    if flow_run_id is None:
        return None
    try:
        return (await client.read_flow_run(flow_run_id)).state
    except ObjectNotFound:
        return None


# ------------------------------------------------------------------ deployments


@dataclass(frozen=True)
class Registration:
    """Registers the deployments of one pool.

    Attributes:
        client: Prefect.
        pool: Name of the work pool.
        registered: What was declared when each was last written.
        elsewhere: The other pools, of the actions whose deployments are in one.
    """

    client: PrefectClient
    pool: str
    registered: RegisteredDeployments
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def pool_of(self, action: str) -> str:
        """The pool of an action's deployment."""
        return self.elsewhere.get(action, self.pool)

    async def register(self) -> None:
        """Register the pool, and every action's deployment; one that fails keeps no other."""
        await register_pool(self.client, self.pool)
        found = await self.deployments()
        written = {
            pool: await asyncio.to_thread(self.registered.digests, pool)
            for pool in sorted({self.pool, *self.elsewhere.values()})
        }
        for action in actions.all_actions().values():
            with isolated("a deployment could not be registered", deployment=action.name):
                await self._bring_up_to_date(
                    action,
                    found.get(action.name),
                    written[self.pool_of(action.name)].get(action.name, {}),
                )

    async def register_deployment(self, action: Action) -> uuid.UUID:
        """Make an action's deployment where there is none, and put it into the pool; gives its id.

        What an operator has edited of one that is there stays.
        """
        found = await self.deployments(action)
        pool = self.pool_of(action.name)
        written = await asyncio.to_thread(self.registered.digests, pool, action.name)
        return await self._bring_up_to_date(
            action, found.get(action.name), written.get(action.name, {})
        )

    async def deployments(self, action: Action | None = None) -> dict[str, Deployment]:
        """The actions' deployments, or that of one, by name, whichever pool they are in."""
        wanted: Sequence[Action] = (
            list(actions.all_actions().values()) if action is None else [action]
        )
        body = {
            "deployments": {"name": {"any_": [each.name for each in wanted]}},
            "flows": {"name": {"any_": [each.flow_name for each in wanted]}},
            "limit": _PAGE,
        }
        answer = await self.client.request("POST", "/deployments/filter", json=body)
        return {each["name"]: each for each in answer.json()}

    async def count(self) -> int:
        """How many deployments the pools have: cheaper than to read them, each with its schema."""
        pools = sorted({self.pool, *self.elsewhere.values()})
        in_pool = {"work_pools": {"name": {"any_": pools}}}
        answer = await self.client.request("POST", "/deployments/count", json=in_pool)
        return int(answer.json())

    def missing(self, found: Mapping[str, Deployment]) -> list[Action]:
        """The actions of which their pool has no deployment."""
        in_pool = {name for name, each in found.items() if self._is_in_place(name, each)}
        return [each for name, each in actions.all_actions().items() if name not in in_pool]

    def edits(self, found: Mapping[str, Deployment]) -> list[Edit]:
        """What an operator has edited of the deployments in their pools.

        Not the job variables that other pools take: they may hold secrets.
        """
        known = actions.all_actions()
        return [
            edit
            for name, each in sorted(found.items())
            if self._is_in_place(name, each)
            for edit in deployment_parts.edits(known[name], each, self.pool_of(name))
        ]

    def unlocked(self, found: Mapping[str, Deployment]) -> list[Action]:
        """The actions whose deployment in the pool has job variables, which the template forbids.

        Prefect takes them all the same, and then refuses each run that is made of the deployment.
        """
        known = actions.all_actions()
        return [
            known[name]
            for name, each in found.items()
            if each["work_pool_name"] == self.pool == self.pool_of(name) and each["job_variables"]
        ]

    async def limits(self) -> dict[str, int | None]:
        """All concurrency limits by name, a deployment's by `limit_name`; None: it is off.

        Cheaper than to read the deployments.
        """
        found: list[dict[str, Any]] = []
        while len(found) % _PAGE == 0:
            page = {"limit": _PAGE, "offset": len(found)}
            answer = await self.client.request("POST", "/v2/concurrency_limits/filter", json=page)
            if not (more := answer.json()):
                break
            found += more
        return {each["name"]: each["limit"] if each["active"] else None for each in found}

    def closed(
        self, found: Mapping[str, Deployment], shut: Collection[WorkQueue]
    ) -> dict[str, str]:
        """The actions whose deployment has a limit of 0, or one of these queues; why, in words."""
        by_id = {str(each.id): each for each in shut}
        reasons = {name: _why_closed(each, by_id) for name, each in found.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def shared(
        self, found: Mapping[str, Deployment], limited: Collection[WorkQueue]
    ) -> list[SharedCeiling]:
        """The limit of each of these queues, for the actions whose deployment is in it."""
        return [
            SharedCeiling(
                f"the work queue {queue.name}",
                frozenset(name for name, each in found.items() if _is_in(queue, each)),
                queue.concurrency_limit or 0,
            )
            for queue in limited
        ]

    async def _bring_up_to_date(
        self, action: Action, found: Deployment | None, written: Mapping[str, str]
    ) -> uuid.UUID:
        pool = self.pool_of(action.name)
        wanted = deployment_parts.declared(action, pool)
        if found is None:
            deployment_id = await self._create(action, wanted)
        else:
            deployment_id = uuid.UUID(found["id"])
            await self._write(action, wanted, found, written)
        digests = deployment_parts.digests(wanted)
        if digests != written:
            await asyncio.to_thread(self.registered.keep, pool, action.name, digests)
        return deployment_id

    async def _create(self, action: Action, wanted: Parts) -> uuid.UUID:
        return await self.client.create_deployment(
            flow_id=await self.client.create_flow(catalogue.flow_of(action.name)),
            name=action.name,
            entrypoint=wanted[Part.ENTRYPOINT]["entrypoint"],
            description=wanted[Part.DESCRIPTION],
            work_pool_name=wanted[Part.POOL],
            concurrency_limit=wanted[Part.LIMIT],
            parameter_openapi_schema=wanted[Part.FORM]["parameter_openapi_schema"],
            enforce_parameter_schema=True,
            schedules=_schedules(action),
            pull_steps=None,
            tags=list(TAGS),
        )

    async def _write(
        self, action: Action, wanted: Parts, found: Deployment, written: Mapping[str, str]
    ) -> None:
        """Write the parts whose declaration has changed, and those that nobody may edit."""
        present = deployment_parts.at_prefect(found)
        is_own_pool = wanted[Part.POOL] == self.pool
        parts = deployment_parts.to_write(wanted, present, written, is_own_pool=is_own_pool)
        body = {name: value for part in parts for name, value in _update(part, wanted).items()}
        if body:
            where = {"id": found["id"]}
            await self.client.request("PATCH", "/deployments/{id}", path_params=where, json=body)
        if Part.SCHEDULE in parts:
            await self._replace_schedules(action, found)
        for part in parts:
            edit = deployment_parts.edit(action.name, part, wanted=wanted, found=present)
            is_ours = written.get(part) == deployment_parts.digest(present[part])
            _say_written(edit, is_ours=is_ours)

    def _is_in_place(self, name: str, found: Deployment) -> bool:
        """Whether the deployment is in its pool, which may have been deleted."""
        return bool(found["work_pool_name"] == self.pool_of(name))

    async def _replace_schedules(self, action: Action, found: Deployment) -> None:
        # Not with the deployment: Prefect would merge them by their slugs, or refuse ours.
        where = {"id": found["id"]}
        for each in found["schedules"]:
            await self.client.request(
                "DELETE",
                "/deployments/{id}/schedules/{schedule_id}",
                path_params={**where, "schedule_id": each["id"]},
            )
        if new := [each.model_dump(mode="json") for each in _schedules(action)]:
            await self.client.request(
                "POST", "/deployments/{id}/schedules", path_params=where, json=new
            )


def limit_name(deployment: uuid.UUID | str) -> str:
    """What Prefect calls the concurrency limit of a deployment."""
    return f"deployment:{deployment}"


def _is_in(queue: WorkQueue, found: Deployment) -> bool:
    return str(found["work_queue_id"]) == str(queue.id)


def _why_closed(found: Deployment, shut: Mapping[str, WorkQueue]) -> str | None:
    if deployment_parts.at_prefect(found)[Part.LIMIT] == 0:
        return f"the concurrency limit of the deployment {found['name']} is 0 at Prefect"
    if (queue := shut.get(str(found["work_queue_id"]))) is None:
        return None
    how = "is paused" if queue.is_paused else "has a limit of 0"
    return f"the work queue {queue.name} {how} at Prefect"


def _schedules(action: Action) -> list[DeploymentScheduleCreate]:
    if action.schedule is None or not action.is_scheduled():
        return []
    cron = CronSchedule(cron=action.schedule, timezone="UTC")
    return [DeploymentScheduleCreate(schedule=cron, active=True)]


def _update(part: Part, wanted: Parts) -> dict[str, Any]:
    """What Prefect's REST is told to write a part; a schedule goes by another way."""
    value = wanted[part]
    if part is Part.SCHEDULE:
        return {}
    if part is Part.QUEUE:
        return {"work_pool_name": wanted[Part.POOL], "work_queue_name": value}
    return {_NAMES[part]: value} if part in _NAMES else dict(value)


def _say_written(edit: Edit, *, is_ours: bool) -> None:
    """Say what a part was and is; an operator's edit of it is gone."""
    about = {"deployment": edit.deployment, "part": edit.part, "was": edit.now, "is": edit.declared}
    if is_ours:
        _log.info("the declaration of a deployment has changed", **about)
    else:
        _log.warning("what a deployment was at Prefect is replaced by its declaration", **about)
