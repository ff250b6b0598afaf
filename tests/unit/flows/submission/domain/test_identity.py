"""Whether a number at PanDA is the task that is recorded."""

import pytest

from blocks.panda_server import PandaTask
from flows.submission.domain import identity
from flows.submission.domain.identity import Here, Origin, Recorded
from tests.support.submission import NAME, attempt, task

HERE = Here("https://panda", ("https://old",), "Prod Ops")


def at_panda(name: str | None = NAME, user: str | None = "Prod Ops", status: str = "running"):
    return PandaTask(41, name, status, user, None, None, "")


def record(origin: Origin | None = None, **more):
    return Recorded("t", NAME, 41, **more).of(origin)


@pytest.mark.parametrize(
    ("origin", "seen"),
    [
        (None, at_panda()),
        (None, at_panda(user="Some Body")),  # who submitted it is not known
        (Origin("Prod Ops", "https://panda"), at_panda()),
        (Origin("Some Body", "https://old"), at_panda(user="Some Body")),
        (Origin("Prod Ops"), at_panda(name=None, status="aborted")),  # dropped as a duplicate
    ],
)
def test_the_name_the_user_and_the_server_make_it_ours(origin, seen):
    assert identity.foreign(record(origin), seen, HERE) is None


@pytest.mark.parametrize(
    ("origin", "seen", "said"),
    [
        (None, at_panda("group.EIC.oak"), "group.EIC.oak of Prod Ops"),
        (None, at_panda(f"{NAME}.try2"), f"{NAME}.try2"),
        (None, at_panda(name=None), "a task without a name"),
        (Origin("Prod Ops"), at_panda(user="Some Body"), "of Some Body"),
        (Origin("Prod Ops", "https://elsewhere"), at_panda(), "https://elsewhere"),
    ],
)
def test_what_differs_is_said(origin, seen, said):
    assert said in (identity.foreign(record(origin), seen, HERE) or "")


def test_a_pcs_without_attempts_tells_only_what_all_names_begin_with():
    [found] = identity.recorded(task("submitted", 41))
    assert found.is_named(NAME)
    assert found.is_named(f"{NAME}.try3")
    assert not found.is_named(f"{NAME}.tryit")
    assert not found.is_named(None)


def test_each_attempt_stands_for_its_own_name():
    attempts = [attempt(1, 40), attempt(2, 41, name=f"{NAME}.try2"), attempt(3)]
    found = identity.recorded(task("submitted", 41, attempts))
    assert [(each.name, each.jedi_task_id) for each in found] == [(NAME, 40), (f"{NAME}.try2", 41)]
    assert not found[0].is_named(f"{NAME}.try2")


def test_another_user_is_said_unless_it_is_the_one_that_is_recorded():
    theirs = at_panda(user="Some Body")
    assert "Some Body" in (identity.of_another_user(record(), theirs, HERE) or "")
    assert identity.of_another_user(record(Origin("Some Body")), theirs, HERE) is None
    assert identity.of_another_user(record(), at_panda(), HERE) is None
