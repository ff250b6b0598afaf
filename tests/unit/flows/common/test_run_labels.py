"""Names and tags of runs: what they are about, in one bounded line."""

from __future__ import annotations

import pytest

from flows.common import actions
from flows.common.run_labels import RunLabels, labels_of, shortened

TASK = "group.EIC.26.12.0.epic_craterlake.DIS.NC.10x100.minQ2.1000.p3001.e1.s1.r1"


def of(action: str, *, by: str = "alice", attempt: int = 1, **parameters: object) -> RunLabels:
    declared = actions.get(action)
    form = declared.parse(parameters)
    return labels_of(declared, form, request_id=41, attempt=attempt, requested_by=by)


def test_a_run_is_named_for_what_it_does_to_what_in_which_request():
    assert of("submit_task", task_name="group.EIC.26.12.0.x").name == (
        "submit group.EIC.26.12.0.x #41"
    )
    assert of("check_pipeline").name == "check pipeline #41"


def test_a_later_attempt_is_numbered():
    assert of("check_pipeline", attempt=2).name == "check pipeline #41 (attempt 2)"


@pytest.mark.parametrize(
    ("action", "parameters", "verb"),
    [
        ("panda_task_operation", {"operation": "pause", "jedi_task_id": 7}, "pause 7"),
        ("register_evgen", {}, "plan EVGEN registration"),
        ("register_evgen", {"dry_run": False}, "register EVGEN"),
        ("settle_message", {"message": 3, "decision": "drop"}, "drop message 3"),
    ],
)
def test_what_a_run_does_may_depend_on_its_parameters(action, parameters, verb):
    assert of(action, **parameters).name == f"{verb} #41"


def test_a_long_subject_loses_its_middle_and_no_end():
    name = shortened(TASK)
    assert (len(name), name.count("…")) == (60, 1)
    head, tail = name.split("…")
    assert TASK.startswith(head)
    assert TASK.endswith(tail)
    assert shortened(TASK[:60]) == TASK[:60]


def test_a_name_is_one_line_of_printable_characters():
    assert shortened(" a\nb\u202ec\x1b[31m ") == "a b c [31m"


def test_tags_say_action_campaign_request_and_who_asked():
    assert of("submit_task", task_name=TASK).tags == (
        "action:submit_task", "campaign:26.12.0", "request:41", "by:alice",
    )  # fmt: skip
    assert of("report_completion").tags == ("action:report_completion", "request:41", "by:alice")
    assert "campaign:26.05.0" in of("campaign_provenance_sweep", campaign="26.05.0").tags


def test_a_tag_is_bounded_and_one_line():
    [*_, by] = of("check_pipeline", by="x\n" * 500).tags
    assert (len(by), by.isprintable()) == (120, True)


@pytest.mark.parametrize("action", actions.all_actions().values(), ids=lambda each: each.name)
def test_every_action_says_what_its_runs_do_and_when_to_ask_for_it(action):
    assert action.verb
    assert action.guidance
