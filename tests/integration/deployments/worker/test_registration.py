"""Deployments at a real Prefect: what an operator has edited stays, unless it is declared anew."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from pydantic import BaseModel
from structlog.testing import capture_logs

from deployments.worker import registration
from deployments.worker.deployment_parts import Edit
from deployments.worker.registered import RegisteredDeployments
from deployments.worker.registration import Registration
from deployments.worker.registry import Registry
from flows.common import actions
from flows.common.actions import Action
from tests.cases import same
from tests.databases import Database

pytestmark = pytest.mark.integration

POOL = "edited"


class Days(BaseModel):
    """What the action asks for."""

    days: int = 7


DECLARED = replace(
    actions.get("prune_history"), name="edited_here", schedule="0 2 * * *", runs_at_a_time=1,
    parameters=Days,
)  # fmt: skip
EDITED = "0 3 * * *"


@dataclass
class Place:
    """A pool of its own at the shared stack's Prefect, with one deployment."""

    address: str
    auth: str
    database: Database
    rest: httpx.Client
    patch: pytest.MonkeyPatch

    def start(self, action: Action = DECLARED) -> list[dict[str, Any]]:
        """A worker's start with the action declared so; gives what it logged."""
        self.patch.setattr(registration.actions, "all_actions", lambda: {action.name: action})
        with capture_logs() as lines:
            self.with_registration(lambda each: each.register())
        return [line for line in lines if "part" in line]

    def with_registration(self, work: Any) -> Any:
        async def run() -> Any:
            async with PrefectClient(self.address, auth_string=self.auth) as client:
                kept = RegisteredDeployments(self.database.ops_engine)
                return await work(Registration(client, POOL, kept))

        return asyncio.run(run())

    def edits(self) -> dict[str, tuple[str, str]]:
        """What was edited of the deployment."""
        return {
            each.part: (each.now, each.declared)
            for each in self.all_edits()
            if each.deployment == DECLARED.name
        }

    def all_edits(self) -> list[Edit]:
        """What was edited of it, the pool and its queues."""

        async def look(each: Registration) -> list[Edit]:
            registry = Registry(each)
            await registry.look_for_edits()
            return registry.edits

        return list(self.with_registration(look))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.rest.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def found(self) -> dict[str, Any]:
        return dict(self.ask("GET", "/deployments/name/edited-here/edited_here"))

    def edit(self, **fields: Any) -> None:
        self.ask("PATCH", f"/deployments/{self.found['id']}", fields)

    def edit_schedule(self, **fields: Any) -> None:
        [schedule] = self.found["schedules"]
        self.ask("PATCH", f"/deployments/{self.found['id']}/schedules/{schedule['id']}", fields)

    @property
    def crons(self) -> list[str]:
        return sorted(each["schedule"]["cron"] for each in self.found["schedules"])

    @property
    def limit(self) -> int:
        return int(self.found["global_concurrency_limit"]["limit"])


@pytest.fixture
def place(
    prefect_environment: dict[str, str], database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    path = {DECLARED.name: "flows.housekeeping.flow:prune_history"}
    monkeypatch.setattr(registration.actions, "entrypoints", lambda: path)
    flow = SimpleNamespace(name=DECLARED.flow_name)
    monkeypatch.setattr(registration.catalogue, "flow_of", lambda _: flow)
    address = prefect_environment["PREFECT_API_URL"]
    auth = prefect_environment["PREFECT_API_AUTH_STRING"]
    user, _, password = auth.partition(":")
    with httpx.Client(base_url=address, auth=(user, password), timeout=30) as rest:
        place = Place(address, auth, database, rest, monkeypatch)
        place.start()
        yield place
        with suppress(httpx.HTTPStatusError):
            place.ask("DELETE", f"/deployments/{place.found['id']}")
        with suppress(httpx.HTTPStatusError):
            place.ask("DELETE", f"/work_pools/{POOL}")


def cron(line: str) -> dict[str, Any]:
    return {"cron": line, "timezone": "UTC"}


def edit_everything(place: Place) -> None:
    """As Prefect's UI does it."""
    place.edit_schedule(schedule=cron(EDITED))
    place.edit(
        description="Mine", concurrency_limit=5, work_pool_name=POOL, work_queue_name="slow",
        tags=["prodops", "mine"], parameters={"days": 3},
        concurrency_options={"collision_strategy": "CANCEL_NEW"},
    )  # fmt: skip
    place.ask("POST", f"/deployments/{place.found['id']}/pause_deployment")


def test_a_second_start_writes_nothing(place):
    before = place.found
    assert place.start() == []
    assert place.found == before
    assert place.all_edits() == []


def test_edits_stay_through_a_start_and_are_said(place):
    edit_everything(place)
    before = place.found
    assert place.start() == []
    assert place.found == before
    assert place.edits() == {
        "schedule": (EDITED, "0 2 * * *"),
        "limit": ("5", "1"),
        "queue": ("slow", "default"),
        "description": ("Mine", f"{DECLARED.summary} …"),
        "tags": ("mine, prodops", "prodops"),
        "parameters": ("days=3", "none"),
        "concurrency options": ("collision_strategy=CANCEL_NEW", "collision_strategy=ENQUEUE"),
        "paused": ("paused", "not paused"),
    }


def test_what_is_declared_anew_wins_for_that_part_alone_and_is_said(place):
    edit_everything(place)
    [line] = place.start(replace(DECLARED, schedule="0 4 * * *"))
    assert (line["part"], line["was"], line["is"]) == ("schedule", EDITED, "0 4 * * *")
    assert line["log_level"] == "warning"
    assert place.crons == ["0 4 * * *"]
    assert (place.found["description"], place.limit, place.found["paused"]) == ("Mine", 5, True)
    assert place.found["work_queue_name"] == "slow"


@pytest.mark.slow
def test_an_upgrade_writes_what_nobody_has_edited_and_says_it_without_alarm(place):
    lines = place.start(replace(DECLARED, schedule=None, runs_at_a_time=3, summary="New."))
    assert {(line["part"], line["log_level"]) for line in lines} == {
        ("schedule", "info"), ("limit", "info"), ("description", "info")
    }  # fmt: skip
    assert (place.crons, place.limit) == ([], 3)
    assert place.found["description"].startswith("New.\n")


def test_a_schedule_that_was_added_or_switched_off_stays_so(place):
    place.edit_schedule(active=False)
    path = f"/deployments/{place.found['id']}/schedules"
    place.ask("POST", path, [{"schedule": cron(EDITED), "active": True}])
    place.start()
    assert place.crons == ["0 2 * * *", EDITED]
    now, _ = place.edits()["schedule"]
    assert set(now.split("; ")) == {"0 2 * * * (off)", EDITED}


@pytest.mark.parametrize(
    ("name", "value"),
    same(("entrypoint", "os:system"), ("enforce_parameter_schema", False),
     ("parameter_openapi_schema", {"type": "object", "properties": {}}),
     ("pull_steps", [{"prefect.deployments.steps.run_shell_script": {"script": "true"}}])),
)  # fmt: skip
def test_which_code_runs_and_with_what_is_restored(place, name, value):
    before = place.found[name]
    place.edit(**{name: value})
    assert len(place.start()) == 1
    assert (place.found[name] or None) == (before or None)


@pytest.mark.slow
def test_job_variables_that_the_locked_template_forbids_are_taken_away(place):
    place.edit(job_variables={"command": "true"})
    [line] = place.start()
    assert (line["part"], line["was"], line["is"]) == ("job variables", "command=true", "none")
    assert place.found["job_variables"] == {}


@pytest.mark.slow
def test_a_part_that_an_upgrade_adds_keeps_what_was_edited_of_it_before(place):
    place.edit(parameters={"days": 3})
    kept = RegisteredDeployments(place.database.ops_engine)
    digests = kept.digests(POOL)[DECLARED.name]
    kept.keep(
        POOL, DECLARED.name, {part: digests[part] for part in digests if part != "parameters"}
    )
    assert place.start() == []
    assert place.found["parameters"] == {"days": 3}


def test_a_deleted_deployment_is_made_anew_as_it_is_declared(place):
    edit_everything(place)
    place.ask("DELETE", f"/deployments/{place.found['id']}")
    place.start()
    assert (place.crons, place.limit, place.edits()) == (["0 2 * * *"], 1, {})


@pytest.mark.parametrize("deleted", same(f"/work_pools/{POOL}", f"/work_pools/{POOL}/queues/slow"))
def test_where_its_pool_or_queue_was_deleted_it_is_put_back_with_its_edits(place, deleted):
    edit_everything(place)
    place.ask("DELETE", deleted)
    place.start()
    found = place.found
    assert (found["work_pool_name"], found["work_queue_name"]) == (POOL, "default")
    assert (place.crons, place.limit, found["description"]) == ([EDITED], 5, "Mine")


def test_the_job_template_is_the_locked_one_again(place):
    place.ask("PATCH", f"/work_pools/{POOL}", {"base_job_template": {}, "concurrency_limit": 3})
    place.start()
    pool = place.ask("GET", f"/work_pools/{POOL}")
    assert pool["base_job_template"] == registration.LOCKED_TEMPLATE
    assert pool["concurrency_limit"] == 3


def test_of_several_workers_that_make_the_pool_at_once_none_fails(place):
    name = f"pool-{uuid.uuid4().hex[:8]}"

    async def make() -> str:
        async with PrefectClient(place.address, auth_string=place.auth) as client:
            return (await registration.register_pool(client, name)).name

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(make() for _ in range(6)))

    assert asyncio.run(all_at_once()) == [name] * 6
