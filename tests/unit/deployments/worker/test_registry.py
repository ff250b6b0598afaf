"""What was deleted at Prefect is registered again; what an operator changed stays."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from deployments.worker import registration
from deployments.worker.flow_runs import FlowRuns
from deployments.worker.registry import Registry
from flows.common import actions
from tests.support.fake_prefect import FakePrefect


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> FakePrefect:
    monkeypatch.setattr(registration.catalogue, "flow_of", lambda name: name)
    return FakePrefect()


@pytest.mark.parametrize("deleted", ["the deployment", "the pool", "everything", "and made anew"])
def test_what_was_deleted_is_registered_again_and_the_request_runs_once(prefect, deleted):
    async def work() -> None:
        registry = Registry(prefect, "prodops")
        await registry.keep()
        await registry.deployment("read_did")  # known from before
        prefect.registered.clear()
        if deleted in {"the pool", "everything"}:
            prefect.pools.clear()
        if deleted == "everything":
            prefect.deployments.clear()
        else:
            del prefect.deployments["read_did"]
        if deleted == "and made anew":
            await prefect.create_deployment(name="read_did")
        request = SimpleNamespace(action="read_did", parameters={}, id=1, attempts=1)
        await FlowRuns(prefect, registry).create(request)

    asyncio.run(work())
    assert prefect.pools == {"prodops"}
    everything = sorted(actions.all_actions())
    assert sorted(prefect.registered) == (everything if deleted == "everything" else ["read_did"])
    assert prefect.runs == [prefect.deployments["read_did"].id]


def test_what_is_registered_stays_as_an_operator_has_changed_it(prefect):
    async def work() -> None:
        registry = Registry(prefect, "prodops")
        await registry.keep()
        prefect.registered.clear()
        await registry.keep()

    asyncio.run(work())
    assert prefect.registered == []
