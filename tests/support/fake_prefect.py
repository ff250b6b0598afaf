"""A Prefect in memory: its answers, and what is registered there."""

from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import httpx
from prefect.exceptions import ObjectNotFound

from deployments.worker.registration import LOCKED_TEMPLATE, Registration


def answer(status: int) -> httpx.HTTPStatusError:
    """Prefect's answer of that status, as its client raises it."""
    response = httpx.Response(status, request=httpx.Request("GET", "http://prefect"))
    return httpx.HTTPStatusError("no", request=response.request, response=response)


class MemoryOfDigests:
    """What was declared of each deployment when it was last written, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def digests(self, _pool: str, name: str | None = None) -> dict[str, dict[str, str]]:
        return {key: each for key, each in self.kept.items() if name in {None, key}}

    def keep(self, _pool: str, name: str, digests: dict[str, str]) -> None:
        self.kept[name] = digests


class FakePrefect:
    """Prefect's pools and deployments, by name."""

    def __init__(self) -> None:
        self.pools: set[str] = set()
        self.deployments: dict[str, dict[str, Any]] = {}
        self.runs: list[Any] = []
        self.registered: list[str] = []
        self.refused: set[str] = set()
        self.reads = 0
        self.memory = MemoryOfDigests()

    def registration(self) -> Registration:
        return Registration(self, "prodops", self.memory)

    async def read_work_pool(self, name: str) -> Any:
        if name not in self.pools:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(
            name=name, base_job_template=LOCKED_TEMPLATE, default_queue_id=None, is_paused=False,
            concurrency_limit=None, description=None,
        )  # fmt: skip

    async def create_work_pool(self, pool: Any) -> Any:
        self.pools.add(pool.name)
        return await self.read_work_pool(pool.name)

    async def read_work_queues(self, **_: Any) -> list[Any]:
        return []

    def delete_pool(self) -> None:
        self.pools.clear()
        for each in self.deployments.values():
            each["work_pool_name"] = each["work_queue_name"] = None

    async def create_flow(self, _flow: Any) -> str:
        return "flow"

    async def create_deployment(self, *, name: str, **given: Any) -> uuid.UUID:
        await asyncio.sleep(0)
        self._write(name)
        made = uuid.uuid4()
        limit = given["concurrency_limit"]
        self.deployments[name] = {
            "id": str(made), "name": name, "paused": False, "path": None, "pull_steps": [],
            "schedules": [
                {**each.model_dump(mode="json"), "id": str(uuid.uuid4()), "parameters": {}}
                for each in given["schedules"]
            ],
            "global_concurrency_limit": limit and {"limit": limit, "active": True},
            "work_queue_name": "default", "work_pool_name": given["work_pool_name"],
            "work_queue_id": None, "parameters": {}, "job_variables": {},
            "concurrency_options": None,
            "description": given["description"], "tags": given["tags"],
            "entrypoint": given["entrypoint"], "enforce_parameter_schema": True,
            "parameter_openapi_schema": given["parameter_openapi_schema"],
        }  # fmt: skip
        return made

    def _write(self, name: str) -> None:
        if name in self.refused:
            raise answer(422)
        self.registered.append(name)

    def _limits(self) -> list[Any]:
        limited = [each for each in self.deployments.values() if each["global_concurrency_limit"]]
        return [
            {"name": f"deployment:{each['id']}"} | each["global_concurrency_limit"]
            for each in limited
        ]

    def _in_pool(self) -> list[Any]:
        return [each for each in self.deployments.values() if each["work_pool_name"]]

    async def request(
        self, method: str, path: str, *, path_params: Any = None, json: Any = None
    ) -> httpx.Response:
        await asyncio.sleep(0)
        path = path.format(**path_params or {})
        match method, path.split("/")[2:]:
            case "POST", ["count"]:
                return httpx.Response(200, json=len(self._in_pool()))
            case "POST", ["concurrency_limits", "filter"]:
                page = self._limits()[json["offset"] :][: json["limit"]]
                return httpx.Response(200, json=page)
            case "POST", ["filter"]:
                names = json["deployments"]["name"]["any_"]
                self.reads += len(names) > 1
                found = [each for name, each in self.deployments.items() if name in names]
                return httpx.Response(200, json=found)
            case "PATCH", [key]:
                [found] = [each for each in self.deployments.values() if each["id"] == key]
                self._write(found["name"])
                found.update({"work_queue_name": "default"} | json)
                return httpx.Response(204)
        raise AssertionError((method, path))

    async def read_deployment_by_name(self, name: str) -> Any:
        try:
            found = self.deployments[name.rpartition("/")[2]]
        except KeyError:
            raise ObjectNotFound(Exception(name)) from None
        return SimpleNamespace(id=uuid.UUID(found["id"]), work_pool_name=found["work_pool_name"])

    async def create_flow_run_from_deployment(self, deployment_id: Any, **_: Any) -> Any:
        if str(deployment_id) not in {each["id"] for each in self.deployments.values()}:
            raise ObjectNotFound(Exception(str(deployment_id)))
        self.runs.append(str(deployment_id))
        return SimpleNamespace(id="run")

    async def read_flow_runs(self, **_: Any) -> list[Any]:
        return []
