"""Flows against another PCS, one that speaks the original's contract only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.original_pcs import OriginalPcs, original_pcs
from tests.e2e.production import Production, production_of
from tests.stacks import running_stack
from tests.waiting import wait_until
from tests.whole_stack import PRODUCTION

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[Production, OriginalPcs]]:
    with (
        original_pcs() as pcs,
        running_stack({**PRODUCTION, "PRODOPS_PCS_URL": pcs.url}) as stack,
        production_of(stack) as production,
    ):
        yield production, pcs


def test_a_task_of_another_pcs_is_submitted_and_recorded_there_as_its_owner(elsewhere):
    production, pcs = elsewhere
    pcs.add("task1", "group.EIC.elsewhere.one")
    event = production.final(production.site.trigger("submit_task", task_name="task1"))
    assert event.msg_type == "prodtask_submitted", event.payload
    (made,) = production.live("group.EIC.elsewhere.one")
    assert [each for each in pcs.recorded if each[0] == "task1"] == [("task1", made, "owner")]
    again = production.final(production.site.trigger("submit_task", task_name="task1"))
    assert f"Already submitted as jediTaskID {made}" in again.payload["reason"]


def test_a_refused_submission_may_be_repeated_where_the_pcs_has_no_other_name_to_give(elsewhere):
    production, pcs = elsewhere
    pcs.add("task2", "group.EIC.elsewhere.two")
    production.fault("reject", name="elsewhere.two", message="not today")
    first = production.final(production.site.trigger("submit_task", task_name="task2"))
    assert "not today" in first.payload["reason"]
    second = production.final(production.site.trigger("submit_task", task_name="task2"))
    assert second.msg_type == "prodtask_submitted", second.payload
    assert len(production.live("group.EIC.elsewhere.two")) == 1


def test_a_lost_answer_is_found_out_there_too(elsewhere):
    production, pcs = elsewhere
    pcs.add("task3", "group.EIC.elsewhere.three")
    production.fault("drop", when="after", name="elsewhere.three")
    event = production.final(production.site.trigger("submit_task", task_name="task3"))
    assert event.msg_type == "prodtask_submitted", event.payload
    assert len(production.live("group.EIC.elsewhere.three")) == 1


def test_the_ends_at_panda_come_to_it_by_the_statuses_that_it_has(elsewhere):
    production, pcs = elsewhere
    pcs.add("task4", "group.EIC.elsewhere.four")
    production.final(production.site.trigger("submit_task", task_name="task4"))
    (made,) = production.live("group.EIC.elsewhere.four")
    wait_until(lambda: production.at_panda("group.EIC.elsewhere.four")[0]["status"] == "running")
    production.set_state(made, "finished")
    request = production.site.ended(production.site.trigger("sync_task_states"))
    assert request.state == "completed", request.error
    assert pcs.tasks["task4"]["status"] == "completed"
