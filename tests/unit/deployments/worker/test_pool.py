"""The worker's own rules, without Prefect: outages are waited out, a bad run stops itself alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from blocks.errors import OutsideUnavailable, Refused
from deployments.worker import pool
from deployments.worker.pool import PoolWorker
from deployments.worker.request_store import NoRoom
from flows.common import actions
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
