"""News for PCS: one that cannot be recorded is set aside and said, and the others are recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blocks.panda_server import PandaServer
from tests.support import submissions as support
from tests.support.submissions import STRANGER, Submissions

submissions = support.submissions
pytestmark = pytest.mark.integration


def duplicated(submissions: Submissions, survivor: int) -> int:
    """`elm` and `oak` are submitted; JEDI dropped `elm`'s as the duplicate of the survivor."""
    dropped, other = (submissions.submitted(name) for name in ("elm", "oak"))
    submissions.panda.set_status(other, "done")
    shown = PandaServer.modified_since
    dialog = f"toabort since there is duplicated task -> jediTaskID={survivor}"
    submissions.monkeypatch.setattr(
        PandaServer,
        "modified_since",
        lambda *args, **more: [
            replace(each, name=None, status="aborted", error_dialog=dialog)
            if each.id == dropped
            else each
            for each in shown(*args, **more)
        ],
    )
    return dropped


def test_the_task_that_panda_kept_takes_its_duplicate_s_place(submissions):
    duplicated(submissions, 3)
    name = submissions.pcs.task("elm")["composed_name"]
    assert submissions.by_hand(name, uniqueTaskName=False) == 3
    assert submissions.sync().result["successions"] == 1
    assert submissions.pcs.task("elm")["panda_task_id"] == 3


@pytest.mark.parametrize(
    ("name", "user", "said"),
    [(None, STRANGER, STRANGER), ("group.EIC.birch", None, "group.EIC.birch")],
    ids=["another user's", "of another name"],
)
def test_a_task_that_is_not_ours_takes_no_duplicate_s_place(submissions, name, user, said):
    number = duplicated(submissions, 3)
    own = submissions.pcs.task("elm")["composed_name"]
    submissions.by_hand(name or own, user, uniqueTaskName=False)
    request = submissions.sync()
    assert request.result["refused"] == 1
    assert submissions.pcs.task("elm")["panda_task_id"] == number
    assert said in submissions.remarks("elm")["set_aside"]
    assert submissions.pcs.task("oak")["status"] == "completed"


@pytest.mark.slow
def test_a_survivor_that_panda_does_not_know_is_said(submissions):
    number = duplicated(submissions, 99)
    submissions.sync()
    assert submissions.pcs.task("elm")["panda_task_id"] == number
    assert "duplicates 99, and knows no such task" in submissions.remarks("elm")["set_aside"]


@pytest.mark.slow
def test_a_survivor_that_panda_refuses_to_tell_keeps_no_other_task_from_its_state(submissions):
    duplicated(submissions, 2)
    submissions.panda.fault("task/get_task_parameters", "reject", times=1, message="not for you")
    request = submissions.sync()
    assert (request.state, request.result["refused"]) == ("completed", 1)
    assert submissions.pcs.task("oak")["status"] == "completed"
    assert "not for you" in submissions.remarks("elm")["set_aside"]


def found_by_name(submissions: Submissions) -> None:
    """PanDA has tasks of both names that PCS does not know."""
    for name in ("elm", "oak"):
        submissions.by_hand(submissions.ready(name))


def test_a_found_task_whose_parameters_panda_refuses_is_associated_by_a_later_sync(submissions):
    found_by_name(submissions)
    submissions.panda.fault("task/get_task_parameters", "reject", times=1)
    submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "ready"
    assert submissions.pcs.task("oak")["status"] == "submitted"
    assert list(submissions.remarks("elm")) == ["set_aside"]
    submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "submitted"
    assert list(submissions.remarks("elm")) == ["associated"]


def test_an_answer_that_nobody_foresaw_stops_its_own_task_and_is_announced_once(submissions):
    found_by_name(submissions)
    right = PandaServer.parameters

    def wrong(panda: PandaServer, number: int) -> object:
        return ["not", "parameters"] if number == 1 else right(panda, number)

    submissions.monkeypatch.setattr(PandaServer, "parameters", wrong)
    for _ in range(2):
        assert submissions.sync().state == "completed"
    assert submissions.pcs.task("oak")["status"] == "submitted"
    [event] = submissions.events("panda_task_remark", task_name="elm")
    assert (event["kind"], event["jedi_task_id"]) == ("set_aside", "1")
