"""What the tasks at PanDA mean for PCS: survivors of a name, and news."""

import pytest

from blocks.panda_server import PandaTask
from flows.submission.domain.states import (
    StatusNews,
    Succession,
    UnrecordedTask,
    in_turn,
    news,
    survivor,
    unsettled,
)
from tests.support.submission import NAME, attempt, task

DUPLICATE = "toabort since there is duplicated task -> jediTaskID=35"


def at_panda(id_: int, status: str = "running", name: str | None = NAME, dialog: str = ""):
    return PandaTask(id_, name, status, "Prod Ops", None, None, dialog)


# ------------------------------------------------------------------ survivors


def test_one_bearer_of_the_name_is_the_survivor_whatever_its_state():
    assert survivor([at_panda(7)]) == 7
    assert survivor([at_panda(7, "done")]) == 7


def test_a_duplicate_that_panda_ends_is_no_bearer():
    assert survivor([at_panda(35), at_panda(36, "toabort", dialog=DUPLICATE)]) == 35
    assert survivor([at_panda(36, "aborted", dialog=DUPLICATE)]) is None


def test_of_two_live_bearers_none_is_chosen():
    assert survivor([at_panda(7), at_panda(8)]) is None
    assert survivor([at_panda(7, "aborted"), at_panda(8)]) == 8
    assert survivor([]) is None


# ------------------------------------------------------------------ news for PCS


def test_a_changed_state_is_news_and_an_unchanged_one_is_not():
    ours = task("submitted", 41, [attempt(1, 41, "running")])
    assert news([ours], [at_panda(41, "done")]) == [StatusNews(ours, NAME, 41, "done")]
    assert news([ours], [at_panda(41, "running")]) == []


def test_a_survivor_takes_the_place_of_an_ended_duplicate():
    ours = task("submitted", 36, [attempt(1, 36, "registered")])
    found = news([ours], [at_panda(36, "aborted", None, DUPLICATE)])
    assert found == [Succession(ours, ours.panda_tasks[0], 35, "Prod Ops")]


def test_a_task_of_our_name_that_pcs_lost_is_found_unless_it_is_being_submitted():
    ours = task("ready", None, [attempt(1)])
    assert news([ours], [at_panda(41)]) == [UnrecordedTask(ours, NAME, 41, "running")]
    assert news([ours], [at_panda(41)], in_work={NAME}) == []
    draft = task("draft")
    assert news([draft], [at_panda(41)]) == [UnrecordedTask(draft, NAME, 41, "running")]
    assert news([ours], [at_panda(41, name="group.EIC.other")]) == []


def test_only_the_present_attempt_of_a_submitted_task_is_unsettled():
    ours = task("submitted", 42, [attempt(1, 41, "failed"), attempt(2, 42, "running")])
    assert unsettled([ours, task("completed", 40, [attempt(3, 40)])]) == [(42, "running")]


def test_a_count_of_failed_inputs_that_pcs_does_not_have_is_news():
    finished = PandaTask.from_row(
        {"jeditaskid": 41, "taskname": NAME, "status": "finished", "nfiles": 100, "nfilesfailed": 4}
    )
    ours = task("completed", 41, [attempt(1, 41, "finished")])
    assert news([ours], [finished]) == [StatusNews(ours, NAME, 41, "finished", 100, 4)]


@pytest.mark.parametrize(("failed", "is_news"), [(0, False), (9, False), (10, True), (20, True)])
def test_of_a_task_that_works_failed_inputs_are_news_by_the_hundredth(failed, is_news):
    row = {"jeditaskid": 41, "taskname": NAME, "status": "running", "nfiles": 1000}
    seen = PandaTask.from_row(row | {"nfilesfailed": failed})
    ours = task("submitted", 41, [attempt(1, 41, "running")])
    assert bool(news([ours], [seen])) is is_news


def test_what_is_asked_for_singly_takes_turns():
    numbers = list(range(5))
    turns = [in_turn(numbers, 2, turn) for turn in range(3)]
    assert turns == [[0, 1], [2, 3], [4, 0]]
    assert in_turn(numbers, 5, 7) == numbers
