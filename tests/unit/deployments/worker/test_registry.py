"""What was deleted at Prefect is registered again; what an operator changed stays."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from deployments.worker import registration
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.registry import Registry
from flows.common import actions
from flows.common.capacity import SharedCeiling
from tests.support.fake_prefect import FakePrefect


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> FakePrefect:
    monkeypatch.setattr(registration.catalogue, "flow_of", lambda name: name)
    return FakePrefect()


@pytest.mark.parametrize("deleted", ["the deployment", "the pool", "everything", "and made anew"])
def test_what_was_deleted_is_registered_again_and_the_request_runs_once(prefect, deleted):
    async def work() -> None:
        registry = Registry(prefect.registration())
        await registry.keep()
        await registry.deployment("read_did")  # known from before
        prefect.registered.clear()
        if deleted in {"the pool", "everything"}:
            prefect.delete_pool()
        if deleted == "everything":
            prefect.deployments.clear()
        elif deleted != "the pool":
            del prefect.deployments["read_did"]
        if deleted == "and made anew":
            await prefect.registration().register_deployment(actions.get("read_did"))
        await registry.pool()
        parameters = {"scope": "epic", "name": "/a"}
        request = SimpleNamespace(
            action="read_did", parameters=parameters, id=1, attempts=1, requested_by="alice"
        )
        await FlowRuns(prefect, registry).create(request)
        assert prefect.registered == ["read_did"], "a request waits for its own deployment alone"
        await registry.keep()

    asyncio.run(work())
    assert prefect.pools == {"prodops"}
    lost_all = deleted in {"the pool", "everything"}
    everything = sorted(actions.all_actions())
    assert sorted(prefect.registered) == (everything if lost_all else ["read_did"])
    assert prefect.runs == [prefect.deployments["read_did"]["id"]]


def test_what_a_request_waits_for_is_registered_before_the_rest(prefect):
    awaited = sorted(actions.all_actions())[-2:]

    async def work() -> None:
        registry = Registry(prefect.registration())
        keeping = asyncio.create_task(registry.keep())
        await asyncio.sleep(0)
        await asyncio.gather(*[registry.deployment(name) for name in awaited * 2])
        assert len(prefect.registered) < len(actions.all_actions()), "the rest is not waited for"
        await keeping

    asyncio.run(work())
    assert sorted(prefect.registered) == sorted(actions.all_actions()), "each once"


def test_who_finds_something_missing_says_that_more_may_be(prefect):
    async def work() -> None:
        registry = Registry(prefect.registration())
        await registry.deployment("read_did")
        assert registry.is_incomplete.is_set()
        await registry.keep()
        assert not registry.is_incomplete.is_set()
        await registry.pool()
        assert not registry.is_incomplete.is_set()
        prefect.delete_pool()
        await registry.pool()
        assert registry.is_incomplete.is_set()

    asyncio.run(work())


def test_a_deployment_that_prefect_refuses_keeps_no_other_from_being_registered(prefect):
    prefect.refused = {"read_did"}
    registry = Registry(prefect.registration())
    asyncio.run(registry.keep())
    assert sorted(prefect.registered) == sorted(actions.all_actions().keys() - {"read_did"})
    assert registry.refused == {"read_did": "HTTP 422"}
    prefect.refused = set()
    asyncio.run(registry.keep())
    assert registry.refused == {}


def test_a_refusal_is_over_once_somebody_else_has_registered_it(prefect):
    prefect.refused = {"read_did"}
    registry = Registry(prefect.registration())
    asyncio.run(registry.keep())
    prefect.refused = set()
    asyncio.run(Registry(prefect.registration()).keep())
    asyncio.run(registry.keep())
    assert registry.refused == {}


def test_at_the_start_too_a_deployment_that_prefect_refuses_keeps_no_other(prefect):
    prefect.refused = {"read_did"}
    asyncio.run(prefect.registration().register())
    assert sorted(prefect.registered) == sorted(actions.all_actions().keys() - {"read_did"})


def test_what_is_registered_stays_as_an_operator_has_changed_it(prefect):
    async def work() -> None:
        registry = Registry(prefect.registration())
        await registry.keep()
        prefect.registered.clear()
        await registry.keep()

    asyncio.run(work())
    assert prefect.registered == []


def test_job_variables_are_taken_away_and_other_edits_are_noted(prefect):
    async def work() -> Registry:
        registry = Registry(prefect.registration())
        await registry.keep()
        prefect.registered.clear()
        prefect.deployments["read_did"]["job_variables"] = {"command": "x"}
        prefect.deployments["prune_history"]["parameters"] = {"days": 1}
        await registry.look_for_edits()
        return registry

    edits = asyncio.run(work()).edits
    assert prefect.registered == ["read_did"]
    assert prefect.deployments["read_did"]["job_variables"] == {}
    assert [(each.deployment, each.part, each.now) for each in edits] == [
        ("prune_history", "parameters", "days=1")
    ]


def test_a_limit_of_zero_or_a_shut_queue_closes_an_action_with_the_reason(prefect):
    default, slow = (
        SimpleNamespace(id=name, name=name, is_paused=name == "slow", concurrency_limit=None)
        for name in ("default", "slow")
    )
    pool = SimpleNamespace(default_queue_id="default")

    async def work() -> tuple[object, dict[str, str]]:
        registry = Registry(prefect.registration())
        await registry.keep()
        open_still = await registry.limits(pool, [default])
        prefect.deployments["prune_history"]["global_concurrency_limit"]["limit"] = 0
        prefect.deployments["read_did"]["work_queue_id"] = "slow"
        closed, _ = await registry.limits(pool, [default, slow])
        return open_still, closed

    open_still, closed = asyncio.run(work())
    assert open_still == ({}, [])
    assert closed == {
        "prune_history": "the concurrency limit of the deployment prune_history is 0 at Prefect",
        "read_did": "the work queue slow is paused at Prefect",
    }


def test_prefect_counts_the_runs_of_limited_deployments_and_of_those_that_are_not_known(
    prefect, monkeypatch
):
    monkeypatch.setattr(registration, "_PAGE", 1)  # so that there is more than one
    pool = SimpleNamespace(default_queue_id="default")
    limit = {"limit": 1, "active": True}

    async def work() -> list[bool]:
        await Registry(prefect.registration()).keep()
        for name in ("check_pipeline", "read_did"):
            prefect.deployments[name]["global_concurrency_limit"] = limit
        registry = Registry(prefect.registration())
        known = ["check_pipeline", "read_did", "sample_stfs"]
        counts = [registry.counts_runs("sample_stfs")]
        await registry.limits(pool, [])
        counts.append(registry.counts_runs("sample_stfs"))
        for name in known:
            await registry.deployment(name)
        counts += map(registry.counts_runs, known)
        prefect.deployments["sample_stfs"]["global_concurrency_limit"] = limit | {"active": False}
        await registry.limits(pool, [])
        return [*counts, registry.counts_runs("sample_stfs")]

    assert asyncio.run(work()) == [True, True, True, True, False, True]


def test_the_limit_of_a_queue_is_shared_by_the_actions_that_are_in_it(prefect):
    night = SimpleNamespace(id="night", name="night", is_paused=False, concurrency_limit=2)

    async def work() -> tuple[object, object]:
        registry = Registry(prefect.registration())
        await registry.keep()
        for name in ("prune_history", "read_did"):
            prefect.deployments[name]["work_queue_id"] = "night"
        return await registry.limits(SimpleNamespace(default_queue_id="default"), [night])

    in_it = frozenset({"prune_history", "read_did"})
    assert asyncio.run(work()) == ({}, [SharedCeiling("the work queue night", in_it, 2)])


def test_while_their_number_stays_the_deployments_are_not_read_again(prefect):
    async def work() -> None:
        registry = Registry(prefect.registration())
        for _ in range(4):
            await registry.keep()  # registers all, sees that all are there, and counts
        assert prefect.reads == 2
        prefect.registered.clear()
        del prefect.deployments["read_did"]
        await registry.keep()

    asyncio.run(work())
    assert prefect.registered == ["read_did"]
