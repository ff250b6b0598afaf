"""Which attempt a request may claim, under which name, and why not."""

import pytest

from flows.submission.domain.claim import NotSubmittable, Overtaken, name_to_claim
from flows.submission.schemas import SubmitTask
from tests.support.submission import NAME, attempt, task


def test_the_gate_gives_the_name_that_the_attempt_shall_have():
    assert name_to_claim(task("ready"), SubmitTask(task_name="t"), is_relaxed=False) == NAME
    second = attempt(2, name=f"{NAME}.try2")
    order = SubmitTask(task_name="t", panda_tasks_id=2, follows=41)
    submitted = task("submitted", 41, [attempt(1, 41), second])
    assert name_to_claim(submitted, order, is_relaxed=False) == f"{NAME}.try2"


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
        name_to_claim(shown, SubmitTask(task_name="t", **order), is_relaxed=False)


def test_a_second_click_that_was_served_late_is_overtaken_by_the_first():
    second = attempt(2, name=f"{NAME}.try2")
    submitted = task("submitted", 41, [attempt(1, 41), second])
    with pytest.raises(Overtaken) as overtaken:
        name_to_claim(submitted, SubmitTask(task_name="t", panda_tasks_id=2), is_relaxed=False)
    assert overtaken.value.jedi_task_id == 41


def test_relaxed_a_draft_may_be_submitted():
    assert name_to_claim(task("draft"), SubmitTask(task_name="t"), is_relaxed=True) == NAME
