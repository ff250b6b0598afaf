"""Flow runs at Prefect: made once, admitted or not, and gone without a fuss."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Cancelled

from blocks.errors import ProdOpsError
from deployments.worker import flow_runs
from deployments.worker.flow_runs import FlowRuns
from flows.common.actions import Action
from tests.support.fake_prefect import answer

REQUEST = SimpleNamespace(
    action="submit_task", parameters={"task_name": "t"}, id=1, attempts=2, requested_by="alice"
)
NAME = "submit t #1 (attempt 2)"
TAGS = ["action:submit_task", "by:alice", "request:1"]


class Registry:
    """Gives a deployment, and counts how often they were forgotten."""

    def __init__(self) -> None:
        self.forgotten = 0
        self.restored: list[str] = []
        self.is_counted = True

    async def deployment(self, _action: str) -> str:
        return "deployment"

    def counts_runs(self, _action: str) -> bool:
        return self.is_counted

    def forget(self) -> None:
        self.forgotten += 1

    async def restore(self, action: Action) -> None:
        self.restored.append(action.name)


def creating(*answers: object) -> tuple[FlowRuns, Registry, list[str]]:
    """Flow runs whose making is answered so, one answer after the other; None: with its state."""
    left, keys, registry = list(answers), [], Registry()

    async def create(
        _deployment: str,
        *,
        idempotency_key: str,
        name: str,
        tags: Sequence[str],
        state: State[Any] | None,
        **_: object,
    ) -> object:
        assert (name, sorted(tags)) == (NAME, TAGS)
        keys.append(idempotency_key)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found or state

    client = SimpleNamespace(create_flow_run_from_deployment=create)
    return FlowRuns(client, registry), registry, keys


@pytest.mark.parametrize(
    ("begins_here", "is_counted", "is_pending"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_a_run_is_made_pending_where_it_begins_here_and_nobody_counts(
    begins_here, is_counted, is_pending
):
    runs, registry, _ = creating(None)
    registry.is_counted = is_counted
    state = asyncio.run(runs.create(REQUEST, begins_here=begins_here))
    assert (state is not None and state.is_pending()) == is_pending


@pytest.mark.parametrize("missing", [ObjectNotFound(Exception("gone")), answer(404)])
def test_a_deployment_that_is_missing_is_looked_for_once_more(missing):
    runs, registry, keys = creating(missing, "run")
    assert asyncio.run(runs.create(REQUEST)) == "run"
    assert (registry.forgotten, keys) == (1, ["1:2", "1:2"])
    runs, registry, _ = creating(missing, missing)
    with pytest.raises(type(missing)):
        asyncio.run(runs.create(REQUEST))


@pytest.mark.parametrize("status", [409, 422])
def test_a_deployment_that_no_run_can_be_made_of_is_restored_once(status):
    runs, registry, keys = creating(answer(status), "run")
    assert asyncio.run(runs.create(REQUEST)) == "run"
    assert (registry.restored, keys) == (["submit_task"], ["1:2", "1:2"])
    runs, registry, _ = creating(answer(status), answer(status))
    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(runs.create(REQUEST))


def test_only_runs_without_a_queue_are_those_that_no_poll_brings():
    found = [SimpleNamespace(work_queue_id=each) for each in (None, "queue", None)]
    asked: list[dict[str, Any]] = []

    async def read(**filters: Any) -> list[SimpleNamespace]:
        asked.append(filters)
        return found

    runs = FlowRuns(SimpleNamespace(read_flow_runs=read), Registry())
    assert asyncio.run(runs.without_queue()) == [found[0], found[2]]
    [filters] = asked
    assert "read_did" in filters["deployment_filter"].name.any_
    assert filters["flow_run_filter"].state.type.any_ == [StateType.SCHEDULED]


@pytest.mark.parametrize("status", [403, 500])
def test_another_refusal_is_not_asked_for_again(status):
    runs, registry, keys = creating(answer(status))
    with pytest.raises(httpx.HTTPStatusError):
        asyncio.run(runs.create(REQUEST))
    assert (registry.forgotten, len(keys)) == (0, 1)


def test_a_run_that_another_worker_has_is_not_started(monkeypatch):
    async def abort(*_: object, **__: object) -> None:
        raise Abort

    monkeypatch.setattr(flow_runs, "propose_state", abort)
    run = SimpleNamespace(id=uuid.uuid4())
    assert asyncio.run(FlowRuns(None, None).propose_pending(run)) is None


def test_a_run_without_a_deployment_belongs_to_no_action():
    with pytest.raises(ProdOpsError, match="belongs to no action"):
        asyncio.run(FlowRuns(None, None).action_of(SimpleNamespace(deployment_id=None)))


def test_a_run_that_was_deleted_meanwhile_needs_no_final_state():
    async def set_state(*_: object, **__: object) -> None:
        raise ObjectNotFound(Exception("deleted"))

    runs = FlowRuns(SimpleNamespace(set_flow_run_state=set_state), None)
    asyncio.run(runs.force(uuid.uuid4(), Cancelled()))


@pytest.mark.parametrize("error", [None, httpx.ConnectError("away"), answer(404)])
def test_a_run_that_prefect_started_is_named_for_its_request_if_prefect_can(error):
    written: list[tuple[str, list[str]]] = []

    async def update(_id: uuid.UUID, *, name: str, tags: list[str]) -> None:
        if error is not None:
            raise error
        written.append((name, tags))

    run = SimpleNamespace(id=uuid.uuid4(), name="brisk-otter", tags=["prodops"])
    runs = FlowRuns(SimpleNamespace(update_flow_run=update), None)
    asyncio.run(runs.label(run, REQUEST))
    assert (run.name, run.tags) == (NAME, sorted([*TAGS, "prodops"]))
    assert written == ([] if error else [(run.name, run.tags)])
