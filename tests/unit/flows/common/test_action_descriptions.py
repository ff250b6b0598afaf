"""What an action's deployment says of itself at Prefect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.common import actions
from flows.common.action_descriptions import described


def test_a_description_says_what_it_does_when_and_what_bounds_it():
    text = described(actions.get("sync_task_states"))
    for part in (
        "Query the states of submitted tasks at PanDA, and update PCS.\n\n",
        "* **Time limit**: 15 min;",
        "`/requests/?action=sync_task_states`",
    ):
        assert part in text


def test_a_description_leaves_out_what_may_be_edited_beside_it():
    action = replace(actions.get("sync_task_states"), schedule="0 2 * * *", runs_at_a_time=7)
    assert described(action) == described(actions.get("sync_task_states"))


def test_a_gate_is_told_in_its_own_words():
    assert "a task's owner may submit it, and whoever may operate" in described(
        actions.get("submit_task")
    )


@pytest.mark.parametrize("action", actions.all_actions().values(), ids=lambda each: each.name)
def test_every_gate_has_words(action):
    assert "**Who may ask for it**: callers with the scope" in described(action)
    assert action.gate.__name__ == "<lambda>" or action.gate.__doc__
