"""Syncs: a number at PanDA is taken for a task of ours only by name, user and server."""

from __future__ import annotations

import pytest

from tests.support import submissions as support
from tests.support.submissions import STRANGER, Submissions

submissions = support.submissions
pytestmark = pytest.mark.integration


def occupied(submissions: Submissions, **lost) -> int:
    """`elm` is running as some number, which another user's task has in a PanDA made anew."""
    number = submissions.submitted("elm")
    submissions.sync()
    submissions.lose_panda(**lost)
    while (
        submissions.by_hand(f"user.{STRANGER}.x{len(submissions.panda.tasks())}", STRANGER) < number
    ):
        pass
    submissions.panda.set_status(number, "done")
    return number


def test_a_stranger_s_task_under_our_number_is_said_and_its_state_is_not_taken_over(submissions):
    number = occupied(submissions)
    request = submissions.sync()
    assert request.result["said"] == {"foreign": 1}
    assert submissions.pcs.task("elm")["status"] == "submitted"
    text = submissions.remarks("elm")["foreign"]
    assert f"jediTaskID {number} is recorded for" in text
    assert STRANGER in text
    [event] = submissions.events("panda_task_remark", task_name="elm")
    assert (event["kind"], event["text"]) == ("foreign", text)


def test_what_was_said_once_is_not_announced_by_each_sync(submissions):
    occupied(submissions)
    submissions.sync()
    submissions.sync()
    assert len(submissions.events("panda_task_remark")) == 1
    assert list(submissions.remarks("elm")) == ["foreign"]


@pytest.mark.slow
def test_another_task_of_our_own_user_under_the_number_is_not_taken_for_it_either(submissions):
    number = submissions.submitted("elm")
    submissions.lose_panda()
    assert submissions.by_hand("group.EIC.oak") == number
    submissions.panda.set_status(number, "failed")
    submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "submitted"
    assert "group.EIC.oak" in submissions.remarks("elm")["foreign"]


def test_a_number_of_another_server_is_not_taken_for_this_one_s(submissions):
    number = submissions.submitted("elm")
    name = submissions.pcs.task("elm")["composed_name"]
    former = submissions.panda.url
    submissions.lose_panda(is_elsewhere=True)
    assert submissions.by_hand(name) == number
    submissions.panda.set_status(number, "done")
    submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "submitted"
    assert former in submissions.remarks("elm")["foreign"]


def test_a_number_that_panda_does_not_show_is_said(submissions):
    number = submissions.submitted("elm")
    submissions.lose_panda()
    submissions.sync()
    assert f"knows no task {number}" in submissions.remarks("elm")["absent"]
    assert submissions.pcs.task("elm")["status"] == "submitted"


def test_what_holds_no_longer_is_cleared(submissions):
    number = submissions.submitted("elm")
    name = submissions.pcs.task("elm")["composed_name"]
    submissions.lose_panda()
    submissions.sync()
    assert submissions.by_hand(name) == number
    submissions.sync()
    assert submissions.remarks("elm") == {}


def test_a_task_that_another_identity_submitted_is_followed_by_its_id_and_said(submissions):
    name = submissions.ready("elm")
    number = submissions.by_hand(name, STRANGER)
    submissions.pcs.record("elm", jedi_task_id=number)
    submissions.panda.set_status(number, "done")
    submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "completed"
    assert f"was submitted by {STRANGER}" in submissions.remarks("elm")["other_user"]


def test_a_newcomer_of_the_name_is_named_and_the_recorded_id_stays(submissions):
    number = submissions.submitted("elm")
    name = submissions.pcs.task("elm")["composed_name"]
    newcomer = submissions.by_hand(name, uniqueTaskName=False)
    submissions.sync()
    task = submissions.pcs.task("elm")
    assert (task["panda_task_id"], task["status"]) == (number, "submitted")
    text = submissions.remarks("elm")["namesake"]
    assert f"{newcomer} (running" in text
    assert f"{number} stays recorded" in text


@pytest.mark.slow
def test_an_ended_task_that_panda_runs_again_is_said_unless_we_asked_for_it(submissions):
    numbers = [submissions.submitted(name) for name in ("elm", "oak")]
    for number in numbers:
        submissions.panda.set_status(number, "failed", failed_jobs=1)
    submissions.sync()
    submissions.panda.set_status(numbers[0], "running")
    request = submissions.operate("oak", "panda-retry-failures")
    assert request.state == "completed", request.error
    submissions.sync()
    assert "runs 1 again: it was failed" in submissions.remarks("elm")["run_again"]
    assert submissions.remarks("oak") == {}
    assert submissions.pcs.task("elm")["status"] == "submitted"


def test_one_number_that_panda_refuses_to_tell_does_not_stop_the_others(submissions):
    names = ("elm", "oak")
    numbers = []
    for name in names:
        numbers.append(submissions.by_hand(submissions.ready(name), STRANGER))
        submissions.pcs.record(name, jedi_task_id=numbers[-1])
        submissions.panda.set_status(numbers[-1], "done")
    submissions.panda.fault("task/get_task_parameters", "reject", times=1)
    request = submissions.sync()
    assert request.state == "completed", request.error
    assert submissions.pcs.task("oak")["status"] == "completed"
    assert "does not tell what 1 is" in submissions.remarks("elm")["untold"]
    submissions.sync()
    assert "untold" not in submissions.remarks("elm")
