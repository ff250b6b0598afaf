import pytest

from blocks.panda_server import PandaTask
from blocks.pcs_service import Attempt, ProdTask
from flows.submission.actions import SubmitTask, TaskOperation
from flows.submission.domain import survivor
from flows.submission.gate import NotSubmittable, Overtaken, check_gate
from flows.submission.models import OperationStatus, PandaOperation
from flows.submission.operations import irrelevant, shows
from flows.submission.states import Foundling, StatusNews, Succession, news, unsettled

NAME = "group.EIC.x"
DUPLICATE = "toabort since there is duplicated task -> jediTaskID=35"


def at_panda(id_: int, status: str = "running", name: str | None = NAME, dialog: str = ""):
    return PandaTask(id_, name, status, "Prod Ops", None, None, dialog)


def attempt(id_: int = 1, jedi: int | None = None, snapshot: str = "", name: str = NAME):
    return Attempt(id=id_, task_name=name, jedi_task_id=jedi, status_snapshot=snapshot)


def task(status: str = "submitted", jedi: int | None = None, attempts=()):
    return ProdTask(
        id=1,
        name="t",
        composed_name=NAME,
        status=status,
        panda_task_id=jedi,
        panda_tasks=attempts,
        created_by="me",
    )


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


# ------------------------------------------------------------------ the gate


def test_the_gate_gives_the_name_that_the_attempt_shall_have():
    assert check_gate(task("ready"), SubmitTask(task_name="t"), is_relaxed=False) == NAME
    second = attempt(2, name=f"{NAME}.try2")
    order = SubmitTask(task_name="t", panda_tasks_id=2, follows=41)
    submitted = task("submitted", 41, [attempt(1, 41), second])
    assert check_gate(submitted, order, is_relaxed=False) == f"{NAME}.try2"


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
        check_gate(shown, SubmitTask(task_name="t", **order), is_relaxed=False)


def test_a_second_click_that_was_served_late_is_overtaken_by_the_first():
    second = attempt(2, name=f"{NAME}.try2")
    submitted = task("submitted", 41, [attempt(1, 41), second])
    with pytest.raises(Overtaken) as overtaken:
        check_gate(submitted, SubmitTask(task_name="t", panda_tasks_id=2), is_relaxed=False)
    assert overtaken.value.jedi_task_id == 41


def test_relaxed_a_draft_may_be_submitted():
    assert check_gate(task("draft"), SubmitTask(task_name="t"), is_relaxed=True) == NAME


# ------------------------------------------------------------------ news for PCS


def test_a_changed_state_is_news_and_an_unchanged_one_is_not():
    ours = task("submitted", 41, [attempt(1, 41, "running")])
    assert news([ours], [at_panda(41, "done")]) == [StatusNews(ours, 41, "done")]
    assert news([ours], [at_panda(41, "running")]) == []


def test_a_survivor_takes_the_place_of_an_ended_duplicate():
    ours = task("submitted", 36, [attempt(1, 36, "registered")])
    found = news([ours], [at_panda(36, "aborted", None, DUPLICATE)])
    assert found == [Succession(ours, ours.panda_tasks[0], 35)]


def test_a_task_of_our_name_that_pcs_lost_is_found_unless_it_is_being_submitted():
    ours = task("ready", None, [attempt(1)])
    assert news([ours], [at_panda(41)]) == [Foundling(NAME, 41, "running")]
    assert news([ours], [at_panda(41)], in_work={NAME}) == []
    assert news([task("draft")], [at_panda(41)]) == [Foundling(NAME, 41, "running")]
    assert news([ours], [at_panda(41, name="group.EIC.other")]) == []


def test_only_the_present_attempt_of_a_submitted_task_is_unsettled():
    ours = task("submitted", 42, [attempt(1, 41, "failed"), attempt(2, 42, "running")])
    assert unsettled([ours, task("completed", 40, [attempt(3, 40)])]) == [(42, "running")]


# ------------------------------------------------------------------ operations


def operation(status: OperationStatus = OperationStatus.ACCEPTED) -> PandaOperation:
    return PandaOperation(status=status)


@pytest.mark.parametrize(
    ("kind", "observed", "is_shown"),
    [
        (TaskOperation.PAUSE, "paused", True),
        (TaskOperation.PAUSE, "running", False),
        (TaskOperation.RESUME, "paused", False),
        (TaskOperation.RESUME, "running", True),
        (TaskOperation.RETRY_FAILURES, "failed", False),
        (TaskOperation.RETRY_FAILURES, "running", True),
        (TaskOperation.INCREASE_ATTEMPTS, "running", True),
        (TaskOperation.PAUSE, None, False),
    ],
)
def test_an_operation_is_believed_when_the_state_shows_it(kind, observed, is_shown):
    assert shows(kind, operation(), observed) is is_shown


def test_more_attempts_are_believed_only_where_panda_took_them():
    running = operation(OperationStatus.RUNNING)
    assert not shows(TaskOperation.INCREASE_ATTEMPTS, running, "running")


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (TaskOperation.RESUME, "running"),
        (TaskOperation.PAUSE, "paused"),
        (TaskOperation.PAUSE, "done"),
        (TaskOperation.INCREASE_ATTEMPTS, "done"),
        (TaskOperation.RETRY_FAILURES, None),
    ],
)
def test_an_operation_that_makes_no_sense_is_not_sent(kind, before):
    assert irrelevant(kind, before)
    assert irrelevant(TaskOperation.RETRY_FAILURES, "exhausted") is None
