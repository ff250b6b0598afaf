"""What a submission came to: from events, from PCS, in one line, and as an exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.monitor_api import StreamEvent
from blocks.pcs_service import (
    NotAllowed,
    PcsConflict,
    PcsRefused,
    ProdTask,
    RouteMissing,
    TaskUnknown,
)
from blocks.pcs_service.errors import PcsUnavailable
from deployments.cli.submission import display
from deployments.cli.submission.outcome import (
    EXIT_CODES,
    Event,
    Outcome,
    Submission,
    exit_code,
    judge,
    outcome_of,
)
from flows.common.claims import Claim
from flows.submission import messages
from flows.submission.models import Step

NAME = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"


def task(**fields: Any) -> ProdTask:
    return ProdTask.model_validate({"id": 1, "name": NAME, "status": "ready", **fields})


def attempt(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": 10 + number, "try_number": number, "task_name": NAME, **fields}


def begun(**fields: Any) -> Submission:
    request = {"id": 7, "state": "queued", "created_at": "2026-01-02T03:04:05+00:00"}
    submission = Submission(NAME)
    submission.begin(task(panda_tasks=[attempt(1)], request=request, **fields))
    return submission


def event(told: Event, **data: Any) -> StreamEvent:
    return StreamEvent(1, told.value, {"task_name": NAME, "request_id": 7, **data})


# ------------------------------------------------------------------ what is heard


def test_the_events_are_those_that_the_flow_tells():
    told = {messages.PROGRESS, messages.SUBMITTED, messages.FAILED, messages.UNKNOWN}
    assert set(Event) == {*told, messages.UNRECORDED}


@pytest.mark.parametrize("step", [Step.CLAIM, Step.SEND, Step.CLOSE])
def test_the_steps_are_as_many_as_the_event_says(step):
    submission = begun()
    told = json.loads(messages.progress(NAME, step, "going on", Claim(7, 1, None)).payload)
    submission.take(StreamEvent(1, Event.PROGRESS.value, told))
    assert display.stage(submission) == f"{step.number}/{len(Step)} {step}: going on"


def test_a_submitted_task_has_its_id_from_the_event():
    submission = begun()
    submission.take(event(Event.SUBMITTED, jedi_task_id="1000"))
    assert (submission.outcome, submission.jedi_task_id) == (Outcome.SUBMITTED, 1000)


def test_a_failure_has_its_reason_from_the_event():
    submission = begun()
    submission.take(event(Event.FAILED, reason="the token expired"))
    assert (submission.outcome, submission.reason) == (Outcome.FAILED, "the token expired")


@pytest.mark.parametrize("change", [{"task_name": "another"}, {"request_id": 8}])
def test_what_is_told_of_another_submission_changes_nothing(change):
    submission = begun()
    submission.take(event(Event.FAILED, reason="no", **change))
    assert submission.outcome is Outcome.ACCEPTED


def test_an_event_without_a_request_is_taken_by_its_name():
    submission = begun()
    submission.take(StreamEvent(1, Event.SUBMITTED, {"task_name": NAME, "jedi_task_id": "5"}))
    assert submission.jedi_task_id == 5


def test_unknown_stays_unknown_while_it_is_looked_into_and_may_end_well():
    submission = begun()
    submission.take(event(Event.UNKNOWN, reason="no answer", next_check_at="2026-01-02T03:04:05"))
    submission.take(
        event(Event.PROGRESS, step="reconcile", step_number=7, steps=10, text="asking PanDA")
    )
    assert submission.outcome is Outcome.UNKNOWN
    assert display.stage(submission) == "unknown: 7/10 reconcile: asking PanDA"
    submission.take(event(Event.SUBMITTED, jedi_task_id="9"))
    assert submission.outcome is Outcome.SUBMITTED


def test_nothing_comes_after_a_final_event():
    submission = begun()
    submission.take(event(Event.SUBMITTED, jedi_task_id="9"))
    submission.take(event(Event.FAILED, reason="late"))
    assert submission.outcome is Outcome.SUBMITTED


json_values = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just(["x"])
fields = st.sampled_from(
    ["task_name", "request_id", "step", "step_number", "steps", "text", "jedi_task_id", "reason"]
)


@given(st.sampled_from(Event), st.dictionaries(fields, json_values))
def test_whatever_an_event_holds_is_taken_and_shown_in_one_clean_line(told, data):
    submission = begun()
    submission.take(StreamEvent(1, told, {"task_name": NAME, **data}))
    for line in (display.result_line(submission), *display.drawn_lines([submission])):
        assert line.isprintable()
    json.dumps(submission.as_json())


# ------------------------------------------------------------------ what PCS shows


def test_a_submission_whose_event_was_missed_is_seen_at_its_attempt():
    submission = begun()
    submission.look(task(status="submitted", panda_tasks=[attempt(1, jedi_task_id=1000)]))
    assert (submission.outcome, submission.jedi_task_id) == (Outcome.SUBMITTED, 1000)


def test_a_failure_whose_event_was_missed_is_seen_at_its_attempt():
    row = attempt(1, status_snapshot="submit_failed", metadata={"submit_failure": "refused"})
    submission = begun()
    submission.look(task(panda_tasks=[row]))
    assert (submission.outcome, submission.reason) == (Outcome.FAILED, "refused")


def test_an_attempt_that_another_served_is_followed_in_that_other():
    submission = begun()
    superseded = {"status_snapshot": "submit_failed", "metadata": {"superseded": True}}
    tries = [attempt(1, **superseded), attempt(2)]
    submission.look(task(panda_tasks=tries, request={"id": 6, "state": "running"}))
    assert (submission.is_open, submission.request_id, submission.attempt_id) == (True, 6, 12)
    tries = [attempt(1, **superseded), attempt(2, jedi_task_id=41)]
    submission.look(task(panda_tasks=tries, panda_task_id=41))
    assert (submission.outcome, submission.jedi_task_id) == (Outcome.SUBMITTED, 41)


def test_a_request_that_ended_without_a_task_has_failed():
    submission = begun()
    submission.look(task(panda_tasks=[attempt(1)]))
    assert submission.outcome is Outcome.FAILED


def test_an_id_counts_when_its_request_has_ended():
    submission = begun()
    open_still = {"id": 7, "state": "running"}
    submission.look(task(panda_tasks=[attempt(1, jedi_task_id=5)], request=open_still))
    assert submission.outcome is Outcome.ACCEPTED


def test_a_rerun_is_not_taken_for_the_task_that_it_reruns():
    rows = [attempt(1, jedi_task_id=5), attempt(2)]
    submission = Submission(NAME)
    submission.begin(task(panda_task_id=5, panda_tasks=rows, request={"id": 8, "state": "queued"}))
    submission.look(task(panda_task_id=5, panda_tasks=[rows[0], {**rows[1], "jedi_task_id": 6}]))
    assert submission.jedi_task_id == 6


def test_what_pcs_shows_as_unknown_does_not_hide_that_panda_has_it():
    submission = begun()
    submission.take(event(Event.UNRECORDED, jedi_task_id="5", reason="PCS is away"))
    submission.look(task(request={"id": 7, "state": "unknown", "error": "PCS is away"}))
    assert (submission.outcome, submission.jedi_task_id) == (Outcome.UNRECORDED, 5)


def test_a_pcs_without_attempts_tells_by_the_tasks_id_only():
    submission = Submission(NAME)
    submission.begin(task())
    submission.look(task())
    assert submission.outcome is Outcome.ACCEPTED
    submission.look(task(panda_task_id=36439))
    assert submission.outcome is Outcome.SUBMITTED


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [
        ({}, Outcome.NOT_SUBMITTED),
        ({"panda_task_id": 5, "panda_tasks": [attempt(1, jedi_task_id=5)]}, Outcome.SUBMITTED),
        ({"panda_tasks": [attempt(1, status_snapshot="submit_failed")]}, Outcome.FAILED),
        ({"request": {"id": 7, "state": "running"}}, Outcome.ACCEPTED),
        ({"request": {"id": 7, "state": "unknown"}}, Outcome.UNKNOWN),
    ],
)
def test_who_watches_sees_where_the_newest_submission_stands(shown, outcome):
    assert judge(NAME, task(**shown)).outcome is outcome


# ------------------------------------------------------------------ exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TaskUnknown(404, "No task 'x'"), 3),
        (PcsRefused(400, "Only a locked (ready) task can be submitted to PanDA."), 4),
        (PcsConflict(409, "Already submitted as jediTaskID 5."), 4),
        (NotAllowed(403, "no"), 7),
        (PcsUnavailable("no answer"), 7),
        (RouteMissing(404, "Not found."), 7),
        (PcsRefused(302, "redirects to /login"), 7),
    ],
)
def test_every_refusal_has_its_exit_code(error, code):
    assert EXIT_CODES[outcome_of(error)] == code


def test_every_outcome_has_an_exit_code_and_a_line():
    for outcome in Outcome:
        assert outcome in EXIT_CODES
        assert display.result_line(Submission(NAME, outcome)).startswith(f"{NAME}: ")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 0),
        ([Outcome.SUBMITTED, Outcome.NO_SUCH_TASK], 3),
        ([Outcome.REFUSED, Outcome.NO_SUCH_TASK], 4),
        ([Outcome.FAILED, Outcome.REFUSED], 5),
        ([Outcome.FAILED, Outcome.UNREACHABLE], 7),
        ([Outcome.UNREACHABLE, Outcome.UNRECORDED, Outcome.SUBMITTED], 6),
    ],
)
def test_of_several_the_one_that_needs_most_care_counts(outcomes, code):
    assert exit_code(outcomes) == code


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNKNOWN, Outcome.UNRECORDED])
def test_what_is_not_known_is_not_to_be_submitted_again(outcome):
    assert "do not submit it again" in display.result_line(Submission(NAME, outcome))


def test_many_are_drawn_in_a_dozen_lines_and_their_numbers():
    many = [begun() for _ in range(20)]
    many[0].take(event(Event.SUBMITTED, jedi_task_id="1"))
    lines = display.drawn_lines(many)
    assert len(lines) == 13
    assert lines[-1] == "1 submitted, 19 under way"


def test_what_was_unknown_is_no_longer_once_panda_has_named_the_task():
    found = begun()
    found.take(event(Event.UNKNOWN, reason="lost", next_check_at="x"))
    found.take(event(Event.PROGRESS, step="reconcile", step_number=7, text="asking PanDA"))
    assert display.stage(found).startswith("unknown: ")
    confirmed = {"step": "confirm", "step_number": 8, "text": "PanDA named 7"}
    found.take(event(Event.PROGRESS, **confirmed, jedi_task_id="7"))
    assert display.stage(found) == "8 confirm: PanDA named 7"
    assert (found.jedi_task_id, found.reason, found.next_check_at) == (7, "", "")


def test_an_id_that_pcs_refuses_for_good_ends_it_as_unresolved():
    found = begun()
    found.take(event(Event.UNRECORDED, jedi_task_id="7", reason="id 7 is elm's", is_final=True))
    assert (found.outcome, found.is_open, found.jedi_task_id) == (Outcome.UNRESOLVED, False, 7)
    assert EXIT_CODES[found.outcome] == 6
