"""Associations: what a sync finds by its name it announces, with what differs."""

from __future__ import annotations

import pytest

from tests.support import submissions as support
from tests.support.submissions import command_line

pytestmark = pytest.mark.integration
submissions = support.submissions


def test_what_a_sync_associates_it_announces_with_what_differs(submissions):
    name = submissions.ready("elm", n_jobs=5)
    number = submissions.by_hand(name, cliParams=command_line(name, 1))
    submissions.sync()
    task = submissions.pcs.task("elm")
    assert (task["status"], task["panda_task_id"]) == ("submitted", number)
    [event] = submissions.events("prodtask_submitted", task_name="elm")
    assert event["jedi_task_id"] == str(number)
    assert "prodops did not submit it; --nJobs 1, ours 5" in event["differs"]
    assert event["differs"] in task["panda_tasks"][0]["match_reason"]
    assert submissions.remarks("elm") == {"associated": event["differs"]}


def test_an_association_that_was_not_announced_before_its_run_was_lost_is_announced_once(
    submissions, monkeypatch
):
    name = submissions.ready("elm")
    submissions.by_hand(name)
    with monkeypatch.context() as patch:
        patch.setattr("flows.submission.tasks.associating._conclude", lost)
        with pytest.raises(Lost):
            submissions.sync()
    assert submissions.pcs.task("elm")["status"] == "submitted"
    assert submissions.events("prodtask_submitted") == []
    submissions.resume()
    submissions.sync()
    assert len(submissions.events("prodtask_submitted", task_name="elm")) == 1


def test_an_association_that_pcs_refuses_is_not_announced(submissions):
    number = submissions.submitted("elm")
    submissions.lose_panda()
    assert submissions.by_hand(submissions.ready("birch")) == number
    submissions.sync()
    assert [each["task_name"] for each in submissions.events("prodtask_submitted")] == ["elm"]
    assert submissions.remarks("birch") == {}


class Lost(BaseException):
    """The run is killed."""


def lost(*_args: object, **_more: object) -> None:
    raise Lost
