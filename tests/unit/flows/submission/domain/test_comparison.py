"""What is said of recorded tasks, and when it holds no longer."""

import pytest

from blocks.panda_server import PandaTask
from flows.submission.domain.comparison import Look, is_over, not_ours, remarks
from flows.submission.domain.identity import Here, Recorded
from flows.submission.domain.remarks import Remark
from flows.submission.models import RemarkKind
from tests.support.submission import NAME

HERE = Here("https://panda", (), "Prod Ops")


def at_panda(id_: int = 41, name: str | None = NAME, status: str = "running"):
    return PandaTask(id_, name, status, "Prod Ops", None, None, "")


def said(*tasks: PandaTask, status: str = "running", absent=(), untold=None, retried=()):
    record = Recorded("t", NAME, 41, status)
    return remarks([record], Look(tasks, absent, untold or {}), HERE, retried=retried)


def test_a_task_that_fits_is_not_remarked_upon():
    assert said(at_panda()) == []
    assert said() == []  # not looked at


def test_a_number_that_is_another_task_s_is_not_ours_and_nothing_more_is_said_of_it():
    found = said(at_panda(name="group.EIC.oak"), status="done")
    assert [each.kind for each in found] == [RemarkKind.FOREIGN]
    assert not_ours(found) == {41}


def test_a_number_that_panda_does_not_show_is_absent_and_nothing_is_taken_from_it():
    [found] = said(absent={41})
    assert (found.kind, not_ours([found])) == (RemarkKind.ABSENT, set())


@pytest.mark.parametrize(("now", "is_said"), [("running", True), ("exhausted", False)])
def test_an_ended_task_that_lives_again_is_run_again(now, is_said):
    kinds = [each.kind for each in said(at_panda(status=now), status="failed")]
    assert kinds == [RemarkKind.RUN_AGAIN] * is_said
    assert said(at_panda(status=now), status="failed", retried={41}) == []


@pytest.mark.parametrize(("status", "is_said"), [("running", True), ("done", True),
                                                 ("toabort", False)])  # fmt: skip
def test_a_newcomer_of_the_name_is_named_unless_panda_ends_it(status, is_said):
    kinds = [each.kind for each in said(at_panda(), at_panda(42, status=status))]
    assert kinds == [RemarkKind.NAMESAKE] * is_said


def test_a_remark_is_over_once_it_was_looked_at_and_is_not_said_again():
    [foreign] = said(at_panda(name="group.EIC.oak"))
    look = Look([at_panda()])
    assert is_over(foreign, [], look, {41})
    assert not is_over(foreign, [foreign], look, {41})
    assert not is_over(foreign, [], Look([]), {41})  # not looked at
    assert is_over(foreign, [], Look([]), set())  # recorded no longer


def test_a_rerun_is_over_when_it_ends_and_a_newcomer_when_it_is_recorded():
    [again] = said(at_panda(), status="done")
    assert not is_over(again, [], Look([at_panda()]), {41})
    assert is_over(again, [], Look([at_panda(status="done")]), {41})
    [newcomer] = said(at_panda(), at_panda(42))
    assert is_over(newcomer, [], Look([]), {41, 42})
    assert not is_over(newcomer, [], Look([]), {41})


def test_a_number_that_panda_does_not_tell_is_said_until_it_was_looked_at():
    [untold] = said(untold={41: "not for you"})
    assert (untold.kind, not_ours([untold])) == (RemarkKind.UNTOLD, set())
    assert "not for you" in untold.text
    assert not is_over(untold, [], Look([]), {41})
    assert is_over(untold, [], Look([at_panda()]), {41})
    assert is_over(untold, [], Look([], {41}), {41})


def test_what_could_not_be_recorded_is_not_over_before_it_was_tried_again():
    aside = Remark(RemarkKind.SET_ASIDE, "t", NAME, 41, "PCS refused")
    assert not is_over(aside, [], Look([at_panda()]), {41})
