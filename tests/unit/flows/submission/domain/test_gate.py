"""The gate: what may be submitted, under which name, and why not."""

import pytest

from flows.submission.domain import gate
from flows.submission.domain.gate import NotSubmittable, Overtaken
from flows.submission.schemas import SubmitTask
from tests.support.submission import NAME, attempt, task


def test_the_gate_gives_the_name_that_the_attempt_shall_have():
    assert gate.check(task("ready"), SubmitTask(task_name="t"), is_relaxed=False) == NAME
    second = attempt(2, name=f"{NAME}.try2")
    order = SubmitTask(task_name="t", panda_tasks_id=2, follows=41)
    submitted = task("submitted", 41, [attempt(1, 41), second])
    assert gate.check(submitted, order, is_relaxed=False) == f"{NAME}.try2"


@pytest.mark.parametrize(
    ("shown", "order", "reason"),
    [
        (task("submitted", 41), {}, "Already submitted as jediTaskID 41."),
        (task("draft"), {}, "it is draft"),
        (task("ready"), {"panda_tasks_id": 9}, "no attempt 9"),
        (task("ready", None, [attempt(1, 41)]), {"panda_tasks_id": 1}, "as 41"),
        (task("ready", None, [attempt(1, None, "submit_failed")]), {"panda_tasks_id": 1}, "failed"),
        (task("draft", None, [attempt()]), {"panda_tasks_id": 1}, "it is draft"),
        (
            task("ready", None, [attempt()]),
            {"panda_tasks_id": 1, "panda_task_name": "other"},
            "PCS names the attempt",
        ),
    ],
)
def test_the_gate_refuses_and_says_why(shown, order, reason):
    with pytest.raises(NotSubmittable, match=reason):
        gate.check(shown, SubmitTask(task_name="t", **order), is_relaxed=False)


def test_a_second_click_that_was_served_late_is_overtaken_by_the_first():
    second = attempt(2, name=f"{NAME}.try2")
    submitted = task("submitted", 41, [attempt(1, 41), second])
    with pytest.raises(Overtaken) as overtaken:
        gate.check(submitted, SubmitTask(task_name="t", panda_tasks_id=2), is_relaxed=False)
    assert overtaken.value.jedi_task_id == 41


def test_relaxed_a_draft_may_be_submitted():
    assert gate.check(task("draft"), SubmitTask(task_name="t"), is_relaxed=True) == NAME


def test_the_first_submission_is_refused_in_the_words_of_every_gate():
    assert gate.refusal("ready", None, is_relaxed=False) is None
    assert gate.refusal("ready", 41, is_relaxed=True) == "Already submitted as jediTaskID 41."
    only_ready = "Only a locked (ready) task can be submitted to PanDA; it is draft."
    assert gate.refusal("draft", None, is_relaxed=False) == only_ready


def test_only_a_recorded_submission_is_run_again():
    assert gate.may_be_rerun("failed", 41)
    assert not gate.may_be_rerun("failed", None)
    assert not gate.may_be_rerun("ready", 41)
