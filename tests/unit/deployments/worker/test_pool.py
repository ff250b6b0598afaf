"""The worker's own rules, without Prefect: outages are waited out, a bad run stops itself alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from blocks.errors import OutsideUnavailable, Refused
from deployments.worker import pool, registration
from deployments.worker.pool import PoolWorker
from deployments.worker.protocol import Ended, EndReason, Intent, Start
from deployments.worker.request_store import NoRoom
from flows.common import actions
from flows.common.claims import Claim, ClaimLost
from flows.common.database_errors import DatabaseState, DatabaseUnavailable
from flows.common.models import RequestState
from flows.common.settings import WorkerSettings

BACKGROUND, INTERACTIVE = actions.get("sync_task_states"), actions.get("read_did")


def test_what_waits_out_an_outage_is_awaited(monkeypatch):
    monkeypatch.setattr(pool, "_ASK_AGAIN_SECONDS", 0)
    answers = [OutsideUnavailable("away"), "done"]

    async def answer() -> str:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def ask() -> Awaitable[str]:  # no coroutine function, as the worker's own calls
        return answer()

    assert asyncio.run(PoolWorker._patiently(None, ask)) == "done"
    assert answers == []


def answer(status: int) -> httpx.HTTPStatusError:
    response = httpx.Response(status, request=httpx.Request("GET", "http://prefect"))
    return httpx.HTTPStatusError("no", request=response.request, response=response)


@pytest.mark.parametrize("error", [Refused("no"), TypeError("a broken gate"), answer(422)])
def test_a_run_of_prefect_that_can_get_no_request_fails_with_the_reason(error):
    forced = adopt(error)
    assert [(state.type.value, str(error) in state.message) for state in forced] == [
        ("FAILED", True)
    ]


@pytest.mark.parametrize("error", [OutsideUnavailable("away"), NoRoom("full"), answer(503)])
def test_a_run_of_prefect_is_brought_again_after_an_outage_or_where_all_is_full(error):
    with pytest.raises(type(error)):
        adopt(error)


def adopt(error: Exception) -> list[Any]:
    forced: list[Any] = []

    async def new_work(_run: object) -> None:
        raise error

    async def force(_id: object, state: Any) -> None:
        forced.append(state)

    worker = SimpleNamespace(_new_work=new_work, _force=force)
    asyncio.run(PoolWorker._adopt(worker, SimpleNamespace(idempotency_key=None, id="run")))
    return forced


@pytest.mark.parametrize(
    ("action", "is_admitted", "error", "state", "is_unbegun"),
    [
        ("submit_task", False, answer(409), RequestState.FAILED, False),
        ("check_pipeline", False, KeyError("x"), RequestState.FAILED, False),
        ("sample_stfs", False, KeyError("x"), None, False),
        ("submit_task", False, answer(500), None, True),
        ("submit_task", True, KeyError("x"), None, False),
    ],
)
def test_what_could_not_be_made_a_run_has_failed_unless_it_may_be_repeated_or_prefect_is_away(
    action, is_admitted, error, state, is_unbegun
):
    work = SimpleNamespace(action=actions.get(action))
    ending = pool._unserved(work, error, is_admitted=is_admitted)
    assert (ending.state, ending.is_unbegun) == (state, is_unbegun)


@pytest.mark.parametrize("parameters", [{}, [], "x", 7, {"task_name": None}, {"task_name": ["t"]}])
def test_parameters_of_no_form_are_named_before_a_run_is_made(parameters):
    request = SimpleNamespace(parameters=parameters)
    reason = pool._reason_against(request, actions.get("submit_task"))
    assert reason is not None
    assert "not of the action's form" in reason


SCHEMA, BLOCK = {"__prefect_kind": "jinja", "template": "{{ x }}"}, {"$ref": {"block": "x"}}


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("panda_task_operation", {"new_parameters": SCHEMA}),
        ("panda_task_operation", {"new_parameters": {"site": BLOCK}}),
        ("submit_task", BLOCK),
        ("submit_task", {"task_name": SCHEMA}),
        ("register_evgen", {"paths": [[{"a": BLOCK}]]}),
        ("check_pipeline", {"x": SCHEMA}),
    ],
)
def test_a_row_that_prefect_would_evaluate_has_failed_before_a_run_is_made(action, parameters):
    """A web tier that was taken over can put anything into a row."""
    reasons: list[str] = []

    async def reject(_work: object, reason: str) -> None:
        reasons.append(reason)

    worker = SimpleNamespace(_reject=reject)  # it has nothing to make a run with
    request = SimpleNamespace(id=1, parameters=parameters)
    asyncio.run(PoolWorker._serve(worker, request, SimpleNamespace(action=actions.get(action))))
    (reason,) = reasons
    assert "has a meaning to Prefect" in reason


# ------------------------------------------------------------------ what was deleted at Prefect


class FakePrefect:
    """Prefect's pools and deployments, by name."""

    def __init__(self) -> None:
        self.pools: set[str] = set()
        self.deployments: dict[str, Any] = {}
        self.runs: list[Any] = []
        self.registered: list[str] = []

    async def read_work_pool(self, name: str) -> Any:
        if name not in self.pools:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(base_job_template=registration.LOCKED_TEMPLATE)

    async def create_work_pool(self, pool: Any) -> None:
        self.pools.add(pool.name)

    async def create_flow(self, _flow: Any) -> str:
        return "flow"

    async def create_deployment(self, *, name: str, **_: Any) -> None:
        self.registered.append(name)
        self.deployments[name] = SimpleNamespace(name=name, id=uuid.uuid4())

    async def read_deployments(self, **_: Any) -> list[Any]:
        return list(self.deployments.values())

    async def read_deployment_by_name(self, name: str) -> Any:
        try:
            return self.deployments[name.rpartition("/")[2]]
        except KeyError:
            raise ObjectNotFound(Exception(name)) from None

    async def create_flow_run_from_deployment(self, deployment_id: Any, **_: Any) -> Any:
        if deployment_id not in {each.id for each in self.deployments.values()}:
            raise ObjectNotFound(Exception(str(deployment_id)))
        self.runs.append(deployment_id)
        return SimpleNamespace(id="run")

    async def read_flow_runs(self, **_: Any) -> list[Any]:
        return []


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> FakePrefect:
    monkeypatch.setattr(registration.catalogue, "flow_of", lambda name: name)
    return FakePrefect()


def working(prefect: FakePrefect) -> PoolWorker:
    worker = object.__new__(PoolWorker)
    worker.equip(None, None, WorkerSettings())
    worker._client = prefect
    worker._work_pool_name = "prodops"
    return worker


@pytest.mark.parametrize("deleted", ["the deployment", "the pool", "everything", "and made anew"])
def test_what_was_deleted_is_registered_again_and_the_request_runs_once(prefect, deleted):
    async def work() -> None:
        worker = working(prefect)
        await worker.keep_registered()
        await worker._deployment("read_did")  # known from before
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
        await worker._create_run(request)

    asyncio.run(work())
    assert prefect.pools == {"prodops"}
    everything = sorted(actions.all_actions())
    assert sorted(prefect.registered) == (everything if deleted == "everything" else ["read_did"])
    assert prefect.runs == [prefect.deployments["read_did"].id]


def test_what_is_registered_stays_as_an_operator_has_changed_it(prefect):
    async def work() -> None:
        worker = working(prefect)
        await worker.keep_registered()
        prefect.registered.clear()
        await worker.keep_registered()

    asyncio.run(work())
    assert prefect.registered == []


def test_a_request_whose_waiting_run_was_deleted_goes_back_into_the_queue(prefect, monkeypatch):
    ended = []

    async def end(work: Any) -> None:
        ended.append(work.claim.request_id)

    def work_of(number: int, *, is_parked: bool) -> Any:
        claim, run = SimpleNamespace(request_id=number), SimpleNamespace(id=number)
        return SimpleNamespace(claim=claim, flow_run=run, is_parked=is_parked)

    async def look() -> None:
        worker = working(prefect)
        monkeypatch.setattr(worker, "_end_unbegun", end)
        works = {1: work_of(1, is_parked=True), 2: work_of(2, is_parked=False)}
        worker._works = works
        await worker.look_for_cancelling()
        assert list(works) == [2]

    monkeypatch.setattr(pool, "FlowRunFilterId", lambda **_: None)
    asyncio.run(look())
    assert ended == [1]


# ------------------------------------------------------------------ slots that are kept


def room(limit: int, kept: int, *busy: actions.Action, reserved: int = 0) -> int:
    works = [SimpleNamespace(action=each, is_parked=False) for each in busy]
    works.append(SimpleNamespace(action=BACKGROUND, is_parked=True))  # it holds no slot
    configured = WorkerSettings(limit=limit, kept_slots=kept)
    worker = SimpleNamespace(works=works, configured=configured, _reserved=reserved)
    return PoolWorker._background_room(worker)


def test_background_work_leaves_the_kept_slots_free_and_always_has_one():
    assert room(8, 2) == 6
    assert room(8, 2, *[BACKGROUND] * 5, INTERACTIVE) == 1
    assert room(8, 2, *[BACKGROUND] * 6) == 0
    assert room(8, 2, *[BACKGROUND] * 5, reserved=1) == 0
    assert (room(1, 2), room(2, 2), room(1, 2, BACKGROUND)) == (1, 1, 0)


def test_a_scheduled_run_waits_for_the_next_poll_where_only_kept_slots_are_left():
    worker = SimpleNamespace(_background_room=lambda: 0)
    with pytest.raises(NoRoom, match="kept for what people wait for"):
        PoolWorker._require_room(worker, BACKGROUND)
    PoolWorker._require_room(worker, INTERACTIVE)


# ------------------------------------------------------------------ a run and its note


class Guard:
    """A guardian with one run, that ends when it is stopped, at the second asking."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.stops: list[Intent] = []

    async def run(self, order: Start) -> Ended:
        return await self.ended

    def stop(self, run: str, intent: Intent, grace_seconds: float) -> None:
        self.stops.append(intent)
        if len(self.stops) > 1:
            self.ended.set_result(Ended(run=run, reason=EndReason.EXITED, exit_code=0))


class Notes:
    """A store that meets these errors, one after the other, when a run is to be noted."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def note(self, _claim: Claim, _state: RequestState) -> None:
        if self.errors:
            raise self.errors.pop(0)


def noted_run(monkeypatch: pytest.MonkeyPatch, notes: Notes, *, ends: bool) -> Guard:
    """Run one that ends by itself once it is noted, or never; what the worker raises is raised."""
    monkeypatch.setattr(pool, "_ASK_AGAIN_SECONDS", 0.01)
    order = Start(
        run="r", flow_run={}, entrypoint="e", request_id=1, attempt=1, timeout_seconds=1,
        grace_seconds=1,
    )  # fmt: skip

    async def work() -> Guard:
        worker = PoolWorker.__new__(PoolWorker)
        worker.store, worker.guard = notes, Guard()  # type: ignore[assignment]
        guards.append(worker.guard)
        if ends:
            end = Ended(run="r", reason=EndReason.EXITED, exit_code=0)
            asyncio.get_running_loop().call_later(0.1, worker.guard.ended.set_result, end)
        ended = await worker._run_noted(pool._Work(Claim(1, 1), ACTION), order)
        assert ended.reason is EndReason.EXITED
        return worker.guard

    guards: list[Guard] = []
    try:
        return asyncio.run(work())
    except Exception:
        assert guards[0].ended.done(), "its process went on unseen"
        raise


ACTION = actions.get("check_pipeline")


@pytest.mark.parametrize("state", list(DatabaseState))
def test_a_note_that_fails_for_a_moment_is_made_again_and_the_run_goes_on(monkeypatch, state):
    notes = Notes(*[DatabaseUnavailable("no", state)] * 3)
    guard = noted_run(monkeypatch, notes, ends=True)
    assert (guard.stops, notes.errors) == ([], [])


@pytest.mark.parametrize("error", [ClaimLost("another has it"), ValueError("what is that?")])
def test_a_run_that_cannot_be_noted_is_stopped_and_waited_for(monkeypatch, error):
    with pytest.raises(type(error)):
        noted_run(monkeypatch, Notes(error), ends=False)


def test_a_run_that_cannot_be_noted_for_long_is_stopped_and_waited_for(monkeypatch):
    monkeypatch.setattr(pool, "_OUTAGE_SECONDS", 0.05)
    with pytest.raises(DatabaseUnavailable):
        noted_run(monkeypatch, Notes(*[DatabaseUnavailable("no")] * 1000), ends=False)
