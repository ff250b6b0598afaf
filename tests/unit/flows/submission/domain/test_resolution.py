"""What an operator may decide, and what PanDA's answer says against it."""

import pytest

from blocks.panda_server import PandaTask
from flows.submission.domain.identity import Here, Recorded
from flows.submission.domain.resolution import (
    NotToBeResolved,
    Subject,
    against_adoption,
    against_failure,
    subject,
)
from flows.submission.models import AttemptState, SubmissionAttempt
from tests.support.submission import NAME, attempt, task

HERE = Here("https://panda", (), "Prod Ops")
OPEN = Subject(NAME, 1, None, is_open=True)
RECORDED = Subject(NAME, 1, 41, is_open=False)


def at_panda(name: str = NAME, status: str = "running"):
    return PandaTask(41, name, status, "Prod Ops", None, None, "")


def sent(state: AttemptState, sends: int = 1, key: int | None = 1) -> SubmissionAttempt:
    return SubmissionAttempt(
        panda_name=NAME, panda_tasks_id=key, state=state, sends=sends, request_id=7
    )


@pytest.mark.parametrize("state", [AttemptState.UNKNOWN, AttemptState.CREATED,
                                   AttemptState.UNRESOLVED])  # fmt: skip
def test_an_open_attempt_is_what_is_decided(state):
    about = subject(task("ready", None, [attempt(1)]), sent(state))
    assert about == OPEN


def test_the_number_that_pcs_has_of_it_gives_way():
    about = subject(task("submitted", 99, [attempt(1, 99)]), sent(AttemptState.UNRESOLVED))
    assert about.former == 99


def test_without_an_open_attempt_it_is_the_one_that_the_task_points_to():
    attempts = [attempt(1, 40), attempt(2, 41, name=f"{NAME}.try2")]
    about = subject(task("submitted", 41, attempts), None)
    assert about == Subject(f"{NAME}.try2", 2, 41, is_open=False)
    assert subject(task("submitted", 41), None) == Subject(NAME, None, 41, is_open=False)


def test_what_was_not_sent_or_never_submitted_is_not_decided():
    with pytest.raises(NotToBeResolved, match="cancel request 7"):
        subject(task("ready", None, [attempt(1)]), sent(AttemptState.CLAIMED, sends=0))
    with pytest.raises(NotToBeResolved, match="nothing of t waits"):
        subject(task("ready"), None)


def test_an_id_of_that_name_may_be_adopted_and_no_other():
    assert against_adoption(OPEN, 41, at_panda(), HERE) == ""
    assert "group.EIC.oak" in against_adoption(OPEN, 41, at_panda("group.EIC.oak"), HERE)
    assert f"{NAME}.try2" in against_adoption(OPEN, 41, at_panda(f"{NAME}.try2"), HERE)
    assert "knows no task 41" in against_adoption(OPEN, 41, None, HERE)


@pytest.mark.parametrize(
    ("about", "seen", "named", "said"),
    [
        (OPEN, None, [], ""),
        (OPEN, None, [at_panda(status="failed")], ""),
        (OPEN, None, [at_panda()], "a live task of the name"),
        (RECORDED, at_panda("group.EIC.oak"), [], ""),
        (RECORDED, None, [], ""),
        (RECORDED, at_panda(status="done"), [at_panda(status="done")], "it is followed"),
        (RECORDED, at_panda("group.EIC.oak"), [at_panda()], "a live task of the name"),
    ],
)
def test_what_lives_or_is_followed_has_not_failed(about, seen, named, said):
    record = Recorded("t", NAME, 41) if about is RECORDED else None
    found = against_failure(about, record, seen, named, HERE)
    assert said in found
    assert bool(found) is bool(said)
