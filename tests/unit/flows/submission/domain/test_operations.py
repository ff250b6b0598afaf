"""When an operation on a live task makes sense, and what shows its effect."""

import pytest

from flows.submission.domain.operations import irrelevant, shows
from flows.submission.schemas import TaskOperation


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
    assert shows(kind, observed, is_accepted=True) is is_shown


def test_more_attempts_are_believed_only_where_panda_took_them():
    assert not shows(TaskOperation.INCREASE_ATTEMPTS, "running", is_accepted=False)


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
