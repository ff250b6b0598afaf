"""What the chaos bench takes for a breach: each one planted into the evidence of a good run."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.bench.submission.chaos.checks import breaches
from deployments.bench.submission.chaos.evidence import (
    Answer,
    Asked,
    Evidence,
    PandaTask,
    PcsAttempt,
    Tried,
    is_of,
)
from deployments.bench.submission.chaos.follower import Announcement
from deployments.bench.submission.chaos.schedule import draw

NAME = "group.EIC.26.11.0.epic.p1.e1.s1.r1.chaos"


def announced(number: int, msg_type: str, request_id: int, **payload: Any) -> Announcement:
    return Announcement(
        id=number,
        at=datetime.now(UTC),
        msg_type=msg_type,
        task_name="chaos",
        request_id=request_id,
        payload=payload,
        was_recorded=True if msg_type == "prodtask_submitted" else None,
    )


@pytest.fixture
def good() -> Evidence:
    """A refused attempt, a second one that was submitted, and a request that joined it."""
    return Evidence(
        schedule=draw(1),
        task_name="chaos",
        panda_name=NAME,
        status="submitted",
        panda_task_id=7,
        requests=(
            Asked(id=1, source="rest", state="failed", attempts=1),
            Asked(id=2, source="rest", state="completed", attempts=2),
            Asked(id=3, source="rest", state="completed", attempts=1, joined=2),
        ),
        attempts=(
            Tried(id=1, request_id=1, panda_name=NAME, state="failed"),
            Tried(id=2, request_id=2, panda_name=f"{NAME}.try2", state="recorded", jedi_task_id=7),
        ),
        rows=(
            PcsAttempt(
                id=1,
                try_number=1,
                task_name=NAME,
                jedi_task_id=None,
                status_snapshot="submit_failed",
            ),
            PcsAttempt(
                id=2,
                try_number=2,
                task_name=f"{NAME}.try2",
                jedi_task_id=7,
                status_snapshot="submitted",
            ),
        ),
        events=(
            announced(1, "prodtask_submit_progress", 1, step="claim", text=""),
            announced(2, "prodtask_submit_failed", 1, reason="refused"),
            announced(3, "prodtask_submit_unknown", 2, reason="lost"),
            announced(4, "prodtask_submitted", 2, jedi_task_id="7"),
        ),
        panda=(
            PandaTask(id=6, name=f"{NAME}.try2", status="aborted"),
            PandaTask(id=7, name=f"{NAME}.try2", status="running"),
        ),
        answers=(
            Answer(door="button", status=200, text="{}"),
            Answer(door="action", status=202, text="{}"),
            Answer(door="button", status=409, text="Already submitted as jediTaskID 7."),
        ),
        most_open=1,
        is_settled=True,
    )


def changed(items: tuple[Any, ...], place: int, **values: Any) -> tuple[Any, ...]:
    return (*items[:place], replace(items[place], **values), *items[place + 1 :])


def test_a_good_run_has_no_breach(good):
    assert breaches(good) == []


def test_what_is_not_over_is_a_breach(good):
    assert breaches(replace(good, is_settled=False))
    assert breaches(replace(good, requests=changed(good.requests, 1, state="unknown")))
    assert breaches(replace(good, attempts=changed(good.attempts, 1, is_ended=False)))
    assert breaches(replace(good, most_open=2))


def test_two_live_tasks_of_one_name_are_a_breach(good):
    found = breaches(replace(good, panda=changed(good.panda, 0, status="running")))
    assert any("2 live tasks" in text for text in found)


def test_a_live_task_of_an_attempt_that_failed_is_a_breach(good):
    stray = PandaTask(id=5, name=NAME, status="defined")
    found = breaches(replace(good, panda=(*good.panda, stray)))
    assert any("announced a failure" in text for text in found)


def test_a_task_that_panda_aborted_is_not_the_one_that_was_promised(good):
    found = breaches(replace(good, panda=changed(good.panda, 1, status="aborted")))
    assert any("PanDA has 0 live tasks" in text for text in found)


def test_another_id_at_pcs_is_a_breach(good):
    assert breaches(replace(good, rows=changed(good.rows, 1, jedi_task_id=6)))
    assert breaches(replace(good, panda_task_id=6))
    assert breaches(replace(good, status="ready", panda_task_id=None))


def test_an_announcement_before_the_record_is_a_breach(good):
    found = breaches(replace(good, events=changed(good.events, 3, was_recorded=False)))
    assert found == ["request 2 announced 7 before PCS had it"]


def test_a_second_final_event_is_a_breach(good):
    again = announced(5, "prodtask_submitted", 2, jedi_task_id="7")
    found = breaches(replace(good, events=(*good.events, again)))
    assert found == ["request 2 (completed) has 2 final events"]


def test_no_final_event_is_a_breach(good):
    assert breaches(replace(good, events=good.events[:3])) == [
        "request 2 (completed) has 0 final events"
    ]


def test_a_final_event_of_a_joined_request_is_a_breach(good):
    extra = announced(5, "prodtask_submit_failed", 3, reason="joined")
    found = breaches(replace(good, events=(*good.events, extra)))
    assert any("joined to 2" in text for text in found)


def test_a_final_event_that_is_not_the_requests_end_is_a_breach(good):
    found = breaches(replace(good, requests=changed(good.requests, 0, state="completed")))
    assert any("announced prodtask_submit_failed" in text for text in found)


def test_an_event_after_the_end_is_a_breach(good):
    late = announced(5, "prodtask_submit_unknown", 2, reason="lost")
    assert breaches(replace(good, events=(*good.events, late))) == [
        "request 2 went on after its end: prodtask_submit_unknown"
    ]


def test_an_event_of_a_foreign_request_is_a_breach(good):
    stray = announced(5, "prodtask_submit_progress", 99, step="claim", text="")
    assert breaches(replace(good, events=(*good.events, stray)))


@pytest.mark.parametrize(
    ("door", "status", "text"),
    [
        ("button", 500, "oops"),
        ("button", 409, "Already submitted as jediTaskID 8."),
        ("button", 400, "not ready"),
        ("action", 409, "Already submitted as jediTaskID 7."),
    ],
)
def test_a_wrong_answer_is_a_breach(good, door, status, text):
    wrong = Answer(door=door, status=status, text=text)
    assert breaches(replace(good, answers=(*good.answers, wrong)))


def test_a_name_is_of_an_intent_with_its_slash_and_with_its_attempt():
    assert is_of(f"{NAME}/", NAME)
    assert is_of(f"{NAME}.try12/", NAME)
    assert not is_of(f"{NAME}2/", NAME)
