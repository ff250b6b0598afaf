"""What a request waits for is said in words, with since when; what holds for others is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.requests.domain import Load, Surroundings, Wait, wait_of
from flows.common.models import Request, RequestState
from flows.common.standing import Standing
from flows.common.wait_reasons import WaitKind, WaitReason

AT = datetime(2026, 8, 10, 12, 30, tzinfo=UTC)
ASKED = AT - timedelta(minutes=3)
SINCE = AT - timedelta(minutes=1)
GOOD = Standing(
    worker_heard_at=AT, relay_heard_at=AT, is_worker_heard=True, is_relay_heard=True,
    is_read_only=False, prefect_away_since=None, waiting=1, waiting_since=ASKED,
    waiting_seconds=180, newest_request=7, workers=((),),
)  # fmt: skip


def request(action: str = "fetch_payload_log", **values: object) -> Request:
    known = {"id": 7, "state": RequestState.QUEUED, "created_at": ASKED}
    return Request(action=action, **(known | values))


def around(*reasons: WaitReason, loads=None, place: int | None = 0, **changes) -> Surroundings:
    standing = replace(GOOD, **({"workers": (reasons,)} | changes))
    return Surroundings(standing, loads or {}, {} if place is None else {7: place}, AT)


def reason(kind: WaitKind, text: str = "x", **more: object) -> WaitReason:
    return WaitReason(kind=kind, text=text, **({"since": SINCE} | more))


CEILING = reason(
    WaitKind.CEILING,
    "fetch_payload_log requests are worked on",
    action="fetch_payload_log",
    limit=2,
    since=None,
)
RATE = replace(CEILING, kind=WaitKind.RATE, text="fetch_payload_log requests a minute were begun")
POOL = replace(CEILING, text="runs of the pool are under way", action=None, limit=4)
SHARED = replace(CEILING, text="the queue's", counted=("fetch_payload_log", "read_did"))
PAUSED = reason(WaitKind.PAUSED, "the work pool prodops is paused at Prefect")


@pytest.mark.parametrize(
    ("reasons", "loads", "text"),
    [
        ([CEILING], {"fetch_payload_log": Load(2, SINCE)}, f"2 of 2 {CEILING.text}"),
        ([RATE], {"fetch_payload_log": Load(0, None, 2, SINCE)}, f"2 of 2 {RATE.text}"),
        ([CEILING, POOL], {None: Load(4, SINCE)}, f"4 of 4 {POOL.text}"),
        (
            [SHARED],
            {"read_did": Load(1, SINCE), "fetch_payload_log": Load(1, ASKED)},
            f"2 of 2 {SHARED.text}",
        ),
        ([PAUSED], {}, PAUSED.text),
        ([reason(WaitKind.SLOTS, "all 4 slots are in use")], {}, "all 4 slots are in use"),
        ([reason(WaitKind.REGISTRATION, action="fetch_payload_log")], {}, "x"),
    ],
)
def test_what_a_worker_says_is_what_the_request_waits_for(reasons, loads, text):
    assert wait_of(request(), around(*reasons, loads=loads)) == Wait(text, SINCE)


@pytest.mark.parametrize(
    "said",
    [CEILING, SHARED, reason(WaitKind.KEPT), reason(WaitKind.REGISTRATION, action="read_did")],
    ids=[
        "a ceiling that is not reached",
        "nor is one that is shared",
        "slots kept from background",
        "of another action",
    ],
)
def test_what_does_not_concern_the_request_is_not_said(said):
    found = wait_of(request(), around(said, loads={"fetch_payload_log": Load(1, SINCE)}))
    assert found == Wait("a worker is to take it: it is the next", ASKED)


def test_a_kept_slot_keeps_background_actions_waiting():
    kept = reason(WaitKind.KEPT, "the slots that are left are kept for what people wait for")
    assert wait_of(request("sync_task_states"), around(kept)) == Wait(kept.text, SINCE)


def test_a_second_worker_that_is_free_takes_it():
    found = around(workers=((PAUSED,), ()))
    assert wait_of(request(), found).text == "a worker is to take it: it is the next"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"is_worker_heard": False, "worker_heard_at": SINCE}, "the worker is away"),
        ({"prefect_away_since": SINCE}, "Prefect does not answer"),
        ({"is_read_only": True, "worker_heard_at": SINCE}, "the database is read-only"),
    ],
)
def test_who_is_away_comes_before_what_the_worker_said(changes, text):
    assert wait_of(request(), around(PAUSED, **changes)) == Wait(text, SINCE)


def test_nobody_waits_longer_than_since_it_was_asked_for():
    old = replace(PAUSED, since=ASKED - timedelta(days=1))
    assert wait_of(request(), around(old)).since == ASKED
    never = {"is_worker_heard": False, "worker_heard_at": None}
    assert wait_of(request(), around(**never)) == Wait("no worker was ever heard", ASKED)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (RequestState.QUEUED, "it is tried again at 2026-08-10 12:35:00"),
        (RequestState.UNKNOWN, "what it did is looked into again at 2026-08-10 12:35:00"),
    ],
)
def test_a_back_off_and_a_next_look_say_when(state, text):
    row = request(state=state, not_before=AT + timedelta(minutes=5), claimed_at=SINCE)
    assert wait_of(row, around(PAUSED)) == Wait(text, SINCE)


def test_a_request_that_was_claimed_waits_for_its_run():
    row = request("sync_task_states", state=RequestState.CLAIMED, claimed_at=SINCE)
    found = wait_of(row, around())
    assert found.since == SINCE
    assert "Prefect gives it a slot, which lets 1 run at a time" in found.text


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (1, "its turn: 1 older request waits"),
        (40, "its turn: 40 older requests wait"),
        (None, "its turn: more than 1\u202f000 older requests wait"),
    ],
)
def test_else_it_waits_for_its_turn(place, text):
    assert wait_of(request(), around(place=place)) == Wait(text, ASKED)


def test_an_action_that_nobody_knows_is_said_whatever_else_holds():
    found = wait_of(request("no_such"), around(PAUSED))
    assert found == Wait("no worker of this version knows the action no_such", ASKED)


SHUT = reason(WaitKind.PAUSED, "the work queue slow is paused", action="fetch_payload_log")


@pytest.mark.parametrize("shut", [SHUT, PAUSED], ids=["of its action", "of everything"])
def test_a_claimed_request_says_what_prefect_holds_its_run_by(shut):
    claimed = request(state=RequestState.CLAIMED, claimed_at=ASKED)
    assert wait_of(claimed, around(shut)) == Wait(shut.text, SINCE)


@pytest.mark.parametrize("said", [replace(SHUT, action="read_did"), reason(WaitKind.STOPPING)])
def test_what_holds_no_run_of_a_claimed_request_is_not_said_of_it(said):
    claimed = request(state=RequestState.CLAIMED, claimed_at=ASKED)
    assert "Prefect gives it a slot" in wait_of(claimed, around(said)).text
