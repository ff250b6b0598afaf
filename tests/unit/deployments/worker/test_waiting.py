"""What keeps a worker from working, as it says it with its heartbeat."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from anyio import CapacityLimiter

from deployments.worker import waiting
from deployments.worker.room import PoolLimits, Room
from deployments.worker.works import Works
from flows.common.capacity import SharedCeiling
from flows.common.wait_reasons import WaitKind


def worker(*, slots=2, background_limit=1, is_draining=False, refused=None, **limits):
    works = Works()
    works.is_draining = is_draining
    pool = {"name": "prodops", "is_paused": False, "concurrency_limit": None} | limits
    known = PoolLimits(SimpleNamespace(**pool), None)
    room = Room(works, known, slots=CapacityLimiter(slots), background_limit=background_limit)
    return SimpleNamespace(works=works, room=room, registry=SimpleNamespace(refused=refused or {}))


def said(of) -> dict[WaitKind, str]:
    """Without the ceilings of actions, which are always said."""
    return {each.kind: each.text for each in waiting.reasons(of) if each.action is None}


def test_a_free_worker_says_only_the_ceilings_and_rates_of_actions():
    found = waiting.reasons(worker())
    assert {each.kind for each in found} == {WaitKind.CEILING, WaitKind.RATE}
    assert all(each.limit is not None for each in found)
    assert "fetch_payload_log" in {each.action for each in found}


def test_a_full_worker_says_so():
    full = worker()

    async def work() -> None:
        with full.room.taken(2):
            assert said(full) == {WaitKind.SLOTS: "all 2 slots of the worker are in use"}
        assert said(full) == {}

    asyncio.run(work())


def test_kept_slots_are_said_where_only_they_are_left():
    assert list(said(worker(background_limit=0))) == [WaitKind.KEPT]


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"is_paused": True}, WaitKind.PAUSED, "the work pool prodops is paused at Prefect"),
        ({"concurrency_limit": 0}, WaitKind.PAUSED,
         "the work pool prodops has a limit of 0 at Prefect"),
        ({"concurrency_limit": 5}, WaitKind.CEILING,
         "runs that the work pool allows at a time are under way"),
        ({"is_draining": True}, WaitKind.STOPPING, "the worker is stopping"),
        ({"refused": {None: "HTTP 403 no"}}, WaitKind.REGISTRATION,
         "Prefect refuses to register the work pool: HTTP 403 no"),
    ],
)  # fmt: skip
def test_pause_limit_stop_and_refusal_are_said(given, kind, text):
    assert said(worker(**given)) == {kind: text}


def test_a_closed_action_waits_alone():
    closed = worker()
    closed.room.limits.closed = {"read_did": "the work queue slow is paused at Prefect"}
    [reason] = [each for each in waiting.reasons(closed) if each.kind is WaitKind.PAUSED]
    assert (reason.action, reason.text) == ("read_did", "the work queue slow is paused at Prefect")


def test_the_limit_of_a_queue_is_said_of_the_actions_that_share_it():
    limited, shared = worker(), ("prune_history", "read_did")
    limited.room.limits.shared = [SharedCeiling("the work queue night", frozenset(shared), 1)]
    found = [each for each in waiting.reasons(limited) if each.counted]
    assert [(each.action, each.counted, each.limit) for each in found] == [
        ("prune_history", shared, 1), ("read_did", shared, 1)
    ]  # fmt: skip


def test_a_refused_deployment_concerns_its_action_alone():
    found = waiting.reasons(worker(refused={"read_did": "HTTP 422 no"}))
    [refusal] = [each for each in found if each.kind is WaitKind.REGISTRATION]
    assert refusal.action == "read_did"
    assert refusal.text == "Prefect refuses to register the deployment read_did: HTTP 422 no"
