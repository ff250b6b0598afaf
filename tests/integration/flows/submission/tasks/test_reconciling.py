"""Adoption: what was at PanDA before an attempt is taken for it only with what differs said."""

from __future__ import annotations

import pytest

from tests.support import submissions as support
from tests.support.submissions import STRANGER, command_line

pytestmark = pytest.mark.integration
submissions = support.submissions


def test_what_we_sent_ourselves_differs_in_nothing(submissions):
    submissions.submitted("elm")
    attempt = submissions.attempt("elm")
    assert (attempt.differs, attempt.panda_user) == ("", submissions.user)
    assert attempt.panda_server == submissions.panda.url
    [event] = submissions.events("prodtask_submitted")
    assert "differs" not in event


def test_a_task_that_was_there_before_is_adopted_with_what_differs(submissions):
    name = submissions.ready("elm", n_jobs=5)
    number = submissions.by_hand(name, cliParams=command_line(name, 1))
    request = submissions.submit("elm")
    assert request.result["jedi_task_id"] == number
    differs = submissions.attempt("elm").differs
    assert "created before this attempt" in differs
    assert "--nJobs 1, ours 5" in differs
    assert differs.count(";") == 1, differs
    [event] = submissions.events("prodtask_submitted")
    assert event["differs"] == differs
    assert submissions.pcs.task("elm")["panda_tasks"][0]["match_reason"] == differs


def test_another_user_s_task_of_the_name_is_adopted_as_theirs_and_said(submissions):
    name = submissions.ready("elm")
    number = submissions.by_hand(name, STRANGER, cliParams=command_line(name, 1))
    request = submissions.submit("elm")
    assert request.result["jedi_task_id"] == number
    attempt = submissions.attempt("elm")
    assert f"it was submitted by {STRANGER}" in attempt.differs
    assert attempt.panda_user is None


def test_a_task_that_was_not_made_with_prun_is_said_to_be_so(submissions):
    submissions.by_hand(submissions.ready("elm"))
    submissions.submit("elm")
    assert "not submitted with prun" in submissions.attempt("elm").differs


def test_a_lost_answer_to_our_own_sending_is_no_difference(submissions):
    submissions.ready("elm")
    submissions.panda.fault("task/submit", "drop", "after", times=1)
    request = submissions.submit("elm")
    while request.state != "completed":
        submissions.panda.refine()
        request = submissions.work()
    assert submissions.attempt("elm").differs == ""
