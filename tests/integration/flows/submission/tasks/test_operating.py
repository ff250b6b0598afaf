"""Operations: nothing is done to a task at PanDA that is not the one that is recorded."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from flows.common.database import transaction
from flows.submission.models import PandaOperation, SubmissionAttempt
from tests.support import submissions as support
from tests.support.submissions import STRANGER

pytestmark = pytest.mark.integration
submissions = support.submissions

COMMANDS = ("task/pause", "task/resume", "task/retry", "task/increase_attempts")


def asked(submissions) -> list[str]:
    """The operations that reached PanDA."""
    return [
        each["endpoint"] for each in submissions.panda.journal() if each["endpoint"] in COMMANDS
    ]


def test_a_stranger_s_task_under_our_number_is_left_alone(submissions):
    number = submissions.submitted("elm")
    submissions.lose_panda()
    assert submissions.by_hand(f"user.{STRANGER}.x", STRANGER) == number
    request = submissions.operate("elm", "panda-pause")
    assert request.state == "failed"
    assert f"of {STRANGER}" in request.error
    assert asked(submissions) == []
    [event] = submissions.events("panda_task_operation_done")
    assert (event["ok"], event["error"]) == (False, request.error)


@pytest.mark.slow
def test_a_number_that_another_server_gave_is_left_alone(submissions):
    submissions.submitted("elm")
    name, former = submissions.pcs.task("elm")["composed_name"], submissions.panda.url
    submissions.lose_panda(is_elsewhere=True)
    submissions.by_hand(name)
    request = submissions.operate("elm", "panda-retry-failures")
    assert former in request.error
    assert asked(submissions) == []


def test_a_number_that_panda_does_not_know_is_left_alone(submissions):
    submissions.submitted("elm")
    submissions.lose_panda()
    assert "knows no task" in submissions.operate("elm", "panda-pause").error


def test_a_task_of_the_name_that_another_user_submitted_is_left_alone(submissions):
    number = submissions.by_hand(submissions.ready("elm"), STRANGER)
    submissions.pcs.record("elm", jedi_task_id=number)
    request = submissions.operate("elm", "panda-pause")
    assert f"was submitted by {STRANGER}" in request.error
    assert asked(submissions) == []


def test_a_number_that_none_of_our_tasks_has_is_left_alone(submissions):
    number = submissions.by_hand("group.EIC.oak")
    request = submissions.ask("panda_task_operation", operation="pause", jedi_task_id=number)
    assert "recorded for none of our tasks" in request.error
    assert asked(submissions) == []


def test_our_own_task_is_operated_on_and_verified_by_the_change(submissions):
    submissions.submitted("elm")
    request = submissions.operate("elm", "panda-pause")
    assert request.state == "completed", request.error
    assert request.result["observed_status"] == "paused"


def test_a_retry_of_what_runs_is_not_sent(submissions):
    submissions.submitted("elm")
    request = submissions.operate("elm", "panda-retry-failures")
    assert "the task is running" in request.error
    assert asked(submissions) == []


def test_more_attempts_are_verified_in_panda_s_own_words(submissions):
    submissions.submitted("elm")
    request = submissions.operate("elm", "panda-add-retry", increase=2)
    assert request.result["status"] == "verified"
    assert "increased attemptNr for 1 inputs" in request.result["diagnostic"]


def test_what_panda_rejects_while_it_says_success_fails_in_its_own_words(submissions):
    number = submissions.submitted("elm")
    submissions.panda.set_status(number, "exhausted")
    request = submissions.operate("elm", "panda-add-retry")
    assert request.state == "failed"
    assert "command rejected since status=exhausted" in request.error


@pytest.mark.slow
def test_a_run_that_was_lost_after_it_asked_is_not_believed_by_a_state_from_before(
    submissions, monkeypatch
):
    number = submissions.submitted("elm")
    submissions.panda.set_status(number, "failed")
    monkeypatch.setattr("flows.submission.tasks.operating.ask", lost)
    submissions.pcs.good("POST", "prod-tasks/elm/panda-retry-failures/", {})
    with pytest.raises(Lost):
        submissions.work()
    request = submissions.resume()
    assert request.state == "failed"
    assert "not known" in request.error


class Lost(Exception):
    """The run is killed."""


def lost(*_args: object) -> str:
    raise Lost


@pytest.mark.slow
def test_an_attempt_of_before_the_identity_was_kept_is_compared_by_its_name_and_user(
    submissions, database
):
    number = submissions.submitted("elm")
    with transaction(database.ops_engine) as session:
        session.execute(update(SubmissionAttempt).values(panda_user=None, panda_server=None))
    submissions.lose_panda(is_elsewhere=True)
    assert submissions.by_hand("group.EIC.oak") == number
    assert "group.EIC.oak" in submissions.operate("elm", "panda-pause").error
    with transaction(database.ops_engine) as session:
        assert session.query(PandaOperation).one().sent_at is None
