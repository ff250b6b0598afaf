"""What the outage bench counts: each loss, double, false end and silence that is made up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from deployments.bench.outage.checks import BreachKind, breaches
from deployments.bench.outage.evidence import TFS_PER_STF, Asked, Evidence
from deployments.bench.outage.load import Wish, fetch, stf, submission
from deployments.bench.outage.pages import Look
from deployments.bench.outage.schedules import Kind

BEGAN = 1000.0
SUBMITTED, LOG_READY = "prodtask_submitted", "payload_log_ready"
GOOD_STRIP = "The worker and Prefect answer. Nothing waits."
READ_ONLY = "The database is read-only since 12:00:00: nothing new is taken. Nothing waits."
FULL = "The database has no room left since 12:00:00: nothing new is taken. Nothing waits."
NO_PREFECT = "Prefect has not answered since 12:00:00: no run starts. Nothing waits."
NO_WORKER = "The worker is away, last heard at 12:00:00: nothing is done. Nothing waits."
WAITING = "The worker and Prefect answer. 2 requests wait, the first since 12:00:00."


def accepted(wish: Wish, request_id: int | None = None) -> Wish:
    wish.asked_at = wish.accepted_at = BEGAN
    wish.request_id = request_id
    return wish


def asked(number: int, action: str, subject: str, **changed: Any) -> Asked:
    given = {"state": "completed", "created_at": BEGAN, "claimed_at": BEGAN + 1}
    return Asked(id=number, action=action, subject=subject, **{**given, **changed})


def good(**changed: Any) -> Evidence:
    """A schedule after which an STF is sampled, a task submitted and a log fetched."""
    given: dict[str, Any] = {
        "wishes": [
            accepted(stf({"filename": "one.stf"})),
            accepted(submission("task"), 2),
            accepted(fetch(7), 3),
        ],
        "requests": [
            asked(1, "sample_stfs", "outage"),
            asked(2, "submit_task", "task"),
            asked(3, "fetch_payload_log", "7"),
        ],
        "finals": [(2, SUBMITTED), (3, LOG_READY)],
        "inbox": {"one.stf": ["sampled"]},
        "tfs": ["one.stf"] * TFS_PER_STF,
        "told": ["one.stf"] * TFS_PER_STF,
        "recorded": {"task": 70},
        "panda": {"task": [70]},
        "log_states": {"7": "ready"},
        "clients": {"lost": 0, "doubled": 0, "disordered": 0, "unknown": 0, "interruptions": 9},
    }
    return Evidence(
        kind=changed.pop("kind", Kind.PREFECT_AWAY),
        began_at=BEGAN,
        ended_at=BEGAN + 30,
        **{**given, **changed},
    )


def look(seconds: float, words: str, status: int = 200, took: float = 0.1) -> Look:
    return Look(at=BEGAN + seconds, seconds=took, status=status, words=words)


def kinds(evidence: Evidence) -> list[BreachKind]:
    return [breach.kind for breach in breaches(evidence)]


def changed_request(number: int, **changed: Any) -> list[Asked]:
    return [replace(each, **changed) if each.id == number else each for each in good().requests]


def without(number: int) -> list[Asked]:
    return [each for each in good().requests if each.id != number]


def test_a_schedule_after_which_all_is_done_once_has_no_breach():
    assert breaches(good()) == []


def more(names: Iterable[str], number: int) -> list[str]:
    return [name for name in names for _ in range(number)]


LOST = {
    "an STF that is not in the inbox": {"inbox": {}},
    "an STF that waits for ever": {"inbox": {"one.stf": ["waiting"]}},
    "an STF that was set aside": {"inbox": {"one.stf": ["set_aside"]}},
    "a TF that is not registered": {"tfs": more(["one.stf"], TFS_PER_STF - 1)},
    "a TF that is not announced": {"told": more(["one.stf"], TFS_PER_STF - 1)},
    "a request that is not there": {"requests": without(3)},
    "a request that stays queued": {"requests": changed_request(3, state="queued")},
    "a request that stays running": {"requests": changed_request(1, state="running")},
    "a request that stays unknown": {"requests": changed_request(2, state="unknown")},
    "an end that is not announced": {"finals": [(2, SUBMITTED)]},
    "events that a client did not get": {"clients": {"lost": 3}},
}
DOUBLED = {
    "an STF that is in the inbox twice": {"inbox": {"one.stf": ["sampled", "sampled"]}},
    "a TF that is registered twice": {"tfs": more(["one.stf"], TFS_PER_STF + 1)},
    "a TF that is announced twice": {"told": more(["one.stf"], TFS_PER_STF + 1)},
    "a task that PanDA has twice": {"panda": {"task": [70, 71]}},
    "an end that is announced twice": {"finals": [(2, SUBMITTED), (2, SUBMITTED), (3, LOG_READY)]},
    "events that a client got twice": {"clients": {"doubled": 1}},
    "events that a client got out of order": {"clients": {"disordered": 1}},
}
FALSE_ENDS = {
    "a submission that failed": {"requests": changed_request(2, state="failed")},
    "a fetch that failed": {"requests": changed_request(3, state="failed", error="no Rucio")},
    "a sampling that was cancelled": {"requests": changed_request(1, state="cancelled")},
    "a submission that is completed without a task": {"panda": {}},
    "a submission whose id is another's": {"recorded": {"task": 69}},
    "a submission whose id PCS has not": {"recorded": {"task": None}},
    "a fetch that is completed without a log": {"log_states": {"7": "wanted"}},
    "a failure announced of what is completed": {
        "finals": [(2, "prodtask_submit_failed"), (3, LOG_READY)]
    },
}


@pytest.mark.parametrize("changed", LOST.values(), ids=LOST)
def test_is_counted_as_lost(changed: dict[str, Any]):
    assert kinds(good(**changed)) == [BreachKind.LOST]


@pytest.mark.parametrize("changed", DOUBLED.values(), ids=DOUBLED)
def test_is_counted_as_doubled(changed: dict[str, Any]):
    assert kinds(good(**changed)) == [BreachKind.DOUBLED]


@pytest.mark.parametrize("changed", FALSE_ENDS.values(), ids=FALSE_ENDS)
def test_is_counted_as_a_false_end(changed: dict[str, Any]):
    assert kinds(good(**changed)) == [BreachKind.FALSE_END]


def test_how_many_tfs_an_stf_has_is_the_bench_s():
    two = more(["one.stf"], 2)
    assert not kinds(good(tfs_per_stf=2, tfs=two, told=two))
    assert kinds(good(tfs_per_stf=2, tfs=more(two, 2), told=two)) == [BreachKind.DOUBLED]


def test_a_task_that_is_missing_without_a_completed_request_is_lost():
    requests = changed_request(2, state="queued")
    assert kinds(good(panda={}, requests=requests, finals=[(3, LOG_READY)])) == [
        BreachKind.LOST,
        BreachKind.LOST,
    ]


def test_a_wish_that_was_never_accepted_is_lost_and_a_strange_answer_is_named():
    never, refused = fetch(8), fetch(9)
    refused.refusals.append("500: Internal Server Error")
    found = breaches(good(wishes=[*good().wishes, never, refused]))
    assert [each.kind for each in found] == [BreachKind.LOST, BreachKind.REFUSED]
    assert "500" in found[1].text


# ------------------------------------------------------------------ what pages say


def test_a_page_that_could_not_be_served_says_it_with_503_and_words():
    found = good(kind=Kind.AWAY, looks=[look(8, "the database is unavailable", status=503)])
    assert breaches(found) == []


@pytest.mark.parametrize(
    ("kind", "seconds", "words"),
    [
        (Kind.READ_ONLY, 6, READ_ONLY),
        (Kind.PREFECT_AWAY, 13, NO_PREFECT),
        (Kind.PREFECT_WIPED, 13, NO_WORKER),
        (Kind.PREFECT_AWAY, 3, GOOD_STRIP),
        (Kind.READ_ONLY, 4, GOOD_STRIP),
        (Kind.POOL_DELETED, 25, GOOD_STRIP),
    ],
)
def test_what_is_said_in_time_is_said(kind: Kind, seconds: float, words: str):
    assert breaches(good(kind=kind, looks=[look(seconds, words)])) == []


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (Kind.READ_ONLY, look(6, GOOD_STRIP)),
        (Kind.READ_ONLY, look(6, WAITING)),
        (Kind.AWAY, look(1, "no answer: ReadTimeout", status=0, took=10)),
        (Kind.AWAY, look(6, "Internal Server Error", status=500)),
        (Kind.PREFECT_AWAY, look(13, GOOD_STRIP)),
        (Kind.PREFECT_WIPED, look(13, WAITING)),
    ],
)
def test_what_lasts_and_is_not_said_is_counted(kind: Kind, made: Look):
    assert kinds(good(kind=kind, looks=[made])) == [BreachKind.UNSAID]


def test_a_request_that_waits_in_the_queue_is_said_whatever_the_fault():
    requests = changed_request(3, claimed_at=BEGAN + 20)
    for kind in (Kind.POOL_DELETED, Kind.DEPLOYMENT_DELETED):
        silent = good(kind=kind, requests=requests, looks=[look(8, GOOD_STRIP)])
        assert kinds(silent) == [BreachKind.UNSAID]
        assert not kinds(good(kind=kind, requests=requests, looks=[look(8, WAITING)]))
        assert not kinds(good(kind=kind, requests=requests, looks=[look(3, GOOD_STRIP)]))


def test_what_is_not_taken_is_said_whatever_the_fault():
    late = accepted(fetch(8))
    late.accepted_at = BEGAN + 20
    for kind in (Kind.FULL, Kind.RESTARTED):
        given = {"kind": kind, "wishes": [late], "log_states": {"8": "ready"}}
        assert kinds(good(**given, looks=[look(8, GOOD_STRIP)])) == [BreachKind.UNSAID]
        assert kinds(good(**given, looks=[look(8, WAITING)])) == [BreachKind.UNSAID]
        assert not kinds(good(**given, looks=[look(8, FULL)]))
        assert not kinds(good(**given, looks=[look(3, GOOD_STRIP), look(25, GOOD_STRIP)]))


def test_looks_before_and_after_the_fault_are_not_judged():
    looks = [look(-1, GOOD_STRIP), look(31, GOOD_STRIP)]
    assert breaches(good(kind=Kind.READ_ONLY, looks=looks)) == []
