"""When an operation on a live task makes sense, and what shows its effect."""

import pytest

from flows.submission.domain.operations import irrelevant, raised_nothing, shows
from flows.submission.schemas import OperateTask, TaskOperation

PAUSE, RESUME = TaskOperation.PAUSE, TaskOperation.RESUME
RETRY, MORE = TaskOperation.RETRY_FAILURES, TaskOperation.INCREASE_ATTEMPTS


def form(operation, **more):
    return OperateTask(operation=operation, jedi_task_id=4, task_name="t", **more)


@pytest.mark.parametrize(
    ("kind", "before", "observed", "is_shown"),
    [
        (PAUSE, "running", "paused", True),
        (PAUSE, "running", "running", False),
        (PAUSE, "running", "done", False),
        (PAUSE, "running", None, False),
        (RESUME, "paused", "paused", False),
        (RESUME, "paused", "running", True),
        (RESUME, "paused", "done", True),
        (RESUME, "throttled", "running", True),
        (RETRY, "failed", "failed", False),
        (RETRY, "failed", "toretry", True),
        (RETRY, "exhausted", "running", True),
        (MORE, "running", "running", True),
    ],
)
def test_an_operation_is_believed_when_the_change_shows_it(kind, before, observed, is_shown):
    assert shows(kind, before, observed, is_accepted=True) is is_shown


@pytest.mark.parametrize(
    ("kind", "state"),
    [(PAUSE, "paused"), (RESUME, "running"), (RETRY, "running"), (RETRY, "toretry")],
)
def test_an_effect_that_was_there_before_is_no_proof(kind, state):
    assert not shows(kind, state, state, is_accepted=True)


@pytest.mark.parametrize(
    ("kind", "before", "observed"),
    [
        (RESUME, "paused", "toabort"),
        (RESUME, "paused", "aborted"),
        (RETRY, "failed", "aborting"),
        (RETRY, "finished", "tobroken"),
        (RETRY, "running", "pending"),
        (PAUSE, "running", "aborting"),
    ],
)
def test_a_change_that_something_else_made_is_no_proof(kind, before, observed):
    assert not shows(kind, before, observed, is_accepted=True)


def test_what_may_have_happened_by_itself_is_believed_only_where_panda_took_it():
    assert not shows(MORE, "running", "running", is_accepted=False)
    assert not shows(RESUME, "throttled", "running", is_accepted=False)
    assert shows(RESUME, "paused", "running", is_accepted=False)


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (RESUME, "running pending done toabort"),
        (PAUSE, "paused throttled done finished exhausted toabort aborting tobroken finishing"),
        (MORE, "done failed aborted toabort aborting tobroken finishing"),
        (RETRY, "running scouting pending paused done broken toabort aborting toretry"),
    ],
)
def test_an_operation_that_makes_no_sense_is_not_sent(kind, states):
    for state in states.split():
        assert state in (irrelevant(form(kind), state) or "")
    assert irrelevant(form(kind), None)


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (RESUME, "paused throttled staging"),
        (PAUSE, "running pending ready scouting"),
        (MORE, "running scouting ready paused exhausted"),
        (RETRY, "finished failed aborted exhausted"),
    ],
)
def test_an_operation_that_makes_sense_is_sent(kind, states):
    assert [irrelevant(form(kind), state) for state in states.split()] == [None] * len(
        states.split()
    )


def test_what_is_done_is_run_again_only_with_other_parameters():
    assert irrelevant(form(RETRY), "done")
    assert irrelevant(form(RETRY, new_parameters={"ramCount": 4000}), "done") is None


def test_more_attempts_for_no_input_are_none():
    assert raised_nothing("increased attemptNr for 0 inputs (0 reactivated)")
    assert not raised_nothing("increased attemptNr for 10 inputs (0 reactivated)")
