"""A submission's phases, as its task's page shows them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from flows.common.database import now
from flows.common.models import RequestState
from flows.submission.models import AttemptState, Step
from tests.pcs_client import COMPOSED
from tests.support.task_pages import page_of, phase_of

pytestmark = pytest.mark.integration


def test_a_request_that_waits_says_since_when(asked, reader, ops_side):
    ops_side.stand(RequestState.QUEUED, created_at=now() - timedelta(seconds=75))
    page = page_of(reader)
    assert phase_of(page) == "waiting"
    assert re.search(r"Waiting for the ops side for <span[^>]*>1\u202fmin 15\u202fs", page)
    assert re.search(r'id="do-submit"[^>]* disabled', page)
    assert 'href="/requests/1/"' in page


def test_a_running_submission_shows_its_steps(asked, reader, ops_side):
    ops_side.stand(RequestState.RUNNING)
    ops_side.begin(state=AttemptState.CREATED, jedi_task_id=7, step="confirm")
    ops_side.tell_steps("claim", "command", "token", "sandbox", "send", "classify", "confirm")
    page = page_of(reader)
    stands = dict(re.findall(r'data-step="(\w+)" data-stands="(\w+)"', page))
    assert phase_of(page) == "running"
    assert (stands["send"], stands["confirm"], stands["record"]) == ("done", "now", "later")
    assert stands["reconcile"] == "skipped"
    assert "at confirm" in page


def test_what_is_not_known_is_said_with_the_next_check(asked, reader, ops_side):
    later = now() + timedelta(minutes=5)
    ops_side.stand(RequestState.UNKNOWN, not_before=later, error="prun took too long")
    ops_side.begin(state=AttemptState.UNKNOWN, checks=1, reason="prun took too long")
    page = page_of(reader)
    assert phase_of(page) == "unknown"
    assert "not known whether PanDA has the task: prun took too long" in page
    assert later.strftime("%H:%M:%S") in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)


@pytest.mark.parametrize("state", [RequestState.UNKNOWN, RequestState.RUNNING])
def test_what_is_unrecorded_must_not_be_submitted_again(asked, reader, ops_side, state):
    ops_side.stand(state, error="PCS does not answer")
    ops_side.begin(state=AttemptState.CREATED, jedi_task_id=815, checks=1)
    page = page_of(reader)
    assert phase_of(page) == "unrecorded"
    assert "must <strong>NOT</strong> be submitted again" in page
    assert "jediTaskID 815" in re.sub(r"<[^>]*>", "", page)
    assert re.search(r'id="do-submit"[^>]* disabled', page)


def test_what_was_unknown_and_is_being_confirmed_is_running_again(asked, reader, ops_side):
    ops_side.stand(RequestState.RUNNING, error="unknown: prun was killed")
    ops_side.begin(state=AttemptState.CREATED, jedi_task_id=815, checks=1, step=Step.CONFIRM)
    page = page_of(reader)
    assert phase_of(page) == "running"
    assert "unknown: prun" not in page


def test_a_failure_gives_its_reason_and_the_next_name(asked, reader, ops_side):
    row = asked.task("t1")["panda_tasks"][0]
    ops_side.stand(RequestState.FAILED, error="no quota")
    failure = {"panda_tasks_id": row["id"], "reason": "no quota <b>left</b>"}
    asked.good("POST", "prod-tasks/record-submission-failure/", failure, name="t1")
    page = page_of(reader)
    assert phase_of(page) == "failed"
    assert "no quota &lt;b&gt;left&lt;/b&gt;" in page
    assert f"{COMPOSED}.try2" in page
    assert not re.search(r'id="do-submit"[^>]* disabled', page)


def test_a_request_that_was_called_off_has_failed_and_says_why(asked, reader, ops_side):
    ops_side.stand(RequestState.CANCELLED, error="cancelled by anna")
    page = page_of(reader)
    assert (phase_of(page), "cancelled by anna" in page) == ("failed", True)


def test_an_unresolved_submission_says_why_and_offers_no_button_but_to_settle_it(
    asked, reader, ops_side
):
    ops_side.stand(RequestState.FAILED, finished_at=now())
    ops_side.begin(state=AttemptState.UNRESOLVED, jedi_task_id=4, reason="id 4 is elm's")
    page = page_of(reader)
    assert 'data-phase="unresolved"' in page
    assert "id 4 is elm&#39;s" in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)
    assert "An earlier submission is unresolved" in page
    assert re.search(r'id="adopt"[^>]*value="4"', page)


def test_what_differs_of_an_adopted_task_is_shown(asked, reader, ops_side):
    ops_side.begin(state=AttemptState.RECORDED, jedi_task_id=4711, differs="--nJobs 1, ours 5")
    ops_side.stand(RequestState.COMPLETED, finished_at=now())
    key = asked.task("t1")["panda_tasks"][0]["id"]
    asked.record("t1", jedi_task_id=4711, panda_tasks_id=key)
    assert "It was adopted, and differs: --nJobs 1, ours 5." in page_of(reader)


def test_a_recorded_submission_shows_its_id_and_links(
    asked, reader, ops_side, monkeypatch, restart
):
    monkeypatch.setenv("PRODOPS_PCS_PANDA_MONITOR_URL", "https://monitor.example/task/{id}/")
    restart()
    row = asked.task("t1")["panda_tasks"][0]
    ops_side.begin(state=AttemptState.RECORDED, jedi_task_id=42, outcome="created")
    ops_side.stand(RequestState.COMPLETED)
    asked.record("t1", jedi_task_id=42, panda_tasks_id=row["id"])
    page = page_of(reader)
    assert phase_of(page) == "submitted"
    assert page.count('href="https://monitor.example/task/42/"') >= 2
    assert "Already submitted as jediTaskID 42." in page
    assert 'id="operate"' in page
    assert 'href="https://monitor.example/task/42/"' in reader.get("/pcs/tasks/").text
