"""What events mean: how they came out, whose end they tell, and what has become true."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.common.messages import msg_type_of, of_capabilities
from flows.common.models import RequestState
from flows.notifications.domain import announced
from flows.notifications.domain.announced import EventFacts, of_event
from flows.notifications.domain.ends import RequestFacts, of_request
from flows.notifications.domain.happenings import merged
from flows.notifications.domain.words import Outcome, SubjectKind, WatchFor, What

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
TASK, DATASET, PATH = SubjectKind.TASK, SubjectKind.DATASET, SubjectKind.PATH


def event(msg_type: str, *, action: str = "", request_id: int | None = None, **payload):
    return EventFacts(
        id=9, msg_type=msg_type, at=NOW, subject="s", payload=payload,
        action=action, request_id=request_id, requested_by="anna",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("msg_type", "payload", "outcome"),
    [
        ("prodtask_submitted", {}, Outcome.COMPLETED),
        ("prodtask_submit_failed", {}, Outcome.FAILED),
        ("prodtask_submit_unknown", {}, Outcome.UNKNOWN),
        ("prodtask_submit_unrecorded", {}, Outcome.UNKNOWN),
        ("prodtask_submit_unrecorded", {"is_final": True}, Outcome.FAILED),
        ("campaign_provenance_ready", {"ok": True}, Outcome.COMPLETED),
        ("campaign_provenance_ready", {"ok": False}, Outcome.FAILED),
        ("panda_task_remark", {}, Outcome.NOTED),
    ],
)
def test_an_event_came_out_as_it_says(msg_type, payload, outcome):
    assert of_event(event(msg_type, **payload)).outcome is outcome


def test_every_type_that_can_be_told_is_announced_by_a_capability():
    known = {msg_type_of(each) for each in of_capabilities()}
    assert known >= announced.TYPES


@pytest.mark.parametrize("msg_type", ["tf_file_registered", "flow_run_state", "alarm"])
def test_of_what_happens_by_the_thousand_and_of_an_alarm_s_words_nobody_is_told(msg_type):
    assert of_event(event(msg_type)) is None


def test_what_has_become_true_is_looked_up_by_its_subject():
    submitted = of_event(event("prodtask_submitted", task_name="t1"))
    assert submitted.facts == {(TASK, "t1", WatchFor.SUBMITTED)}
    registered = of_event(event("evgen_registered", ok=True, did="epic:/E", paths=["/p"]))
    assert registered.facts == {
        (DATASET, "epic:/E", WatchFor.ARRIVED), (PATH, "/p", WatchFor.ARRIVED)
    }  # fmt: skip
    arrived = of_event(
        event("rucio_arrivals", ok=True, by_campaign={"26.05.0": {"files": 3}, "x": {"files": 0}})
    )
    assert arrived.facts == {(SubjectKind.CAMPAIGN, "26.05.0", WatchFor.ARRIVED)}


@pytest.mark.parametrize("payload", [{"by_campaign": [1]}, {"by_campaign": {"x": 7}}, {}])
def test_an_event_without_what_its_form_has_makes_nothing_true(payload):
    assert of_event(event("rucio_arrivals", **payload)).facts == frozenset()


ODD = [
    {"msg_type": "rucio_arrivals", "ok": True, "by_campaign": {"x" * 999: {"files": "many"}}},
    {"msg_type": "prodtask_submitted", "task_name": {"a": 1}},
    {"msg_type": "evgen_registered", "ok": True, "did": 7, "paths": [None, "y" * 999]},
]


@pytest.mark.parametrize("payload", ODD)
def test_an_event_of_another_version_s_form_is_told_all_the_same(payload):
    assert of_event(event(**payload)).columns()["name"] == payload["msg_type"]


def request(**more) -> RequestFacts:
    given = {"id": 7, "action": "submit_task", "subject": "t1", "requested_by": "anna"}
    given |= {"parameters": {"task_name": "t1"}, "error": "", "created_at": NOW}
    given |= {"state": RequestState.COMPLETED}
    return RequestFacts(**{**given, "finished_at": NOW, **more})


def test_a_request_and_the_event_of_its_end_are_one_happening_of_both_names():
    ended = of_request(request(), RequestState.COMPLETED, NOW)
    told = of_event(event("prodtask_submitted", action="submit_task", request_id=7, task_name="t1"))
    [one] = merged([ended, told])
    assert one.names == ((What.ACTION, "submit_task"), (What.EVENT, "prodtask_submitted"))
    assert (TASK, "t1", WatchFor.SUBMITTED) in one.facts
    assert (SubjectKind.REQUEST, "7", WatchFor.COMPLETE) in one.facts


def test_what_a_sync_found_is_not_the_end_of_the_sync():
    ended = of_request(request(action="sync_task_states"), RequestState.COMPLETED, NOW)
    found = of_event(
        event("prodtask_submitted", action="sync_task_states", request_id=7, task_name="t1")
    )
    assert len(merged([ended, found])) == 2


def test_an_unknown_request_has_not_ended():
    assert of_request(request(), RequestState.UNKNOWN, NOW).facts == frozenset()


def test_what_the_database_cannot_keep_is_kept_as_an_escape():
    columns = of_event(event("prodtask_submit_failed", reason="a\x00b\ud800")).columns()
    assert columns["body"]["reason"] == "a\\x00b\\ud800"
