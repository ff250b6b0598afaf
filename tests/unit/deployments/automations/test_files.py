"""The files of automations: the shipped ones act on events that there are; bad ones are named."""

from __future__ import annotations

import pytest

from deployments.automations import files
from deployments.automations.files import BadAutomation
from deployments.relay import feed_event
from flows.common import actions

ID = "3d1f0c52-7f0e-4c6a-9c41-8f0c9b1d6a55"


@pytest.mark.parametrize("name", files.shipped())
def test_a_shipped_one_acts_on_an_event_of_the_feed_with_an_action_that_there_is(name):
    document = files.read(name)
    for event in document["trigger"]["expect"]:
        assert event.removesuffix(".completed").removesuffix(".failed") in set(
            feed_event.names().values()
        )
    for flow, _, deployment in (each.partition("/") for each in files.deployments_of(document)):
        assert actions.get(deployment).flow_name == flow


@pytest.mark.parametrize("name", files.shipped())
def test_a_shipped_one_is_of_prefects_form(name):
    document = files.read(name)
    resolved = files.resolved(document, dict.fromkeys(files.deployments_of(document), ID))
    assert [each["deployment_id"] for each in resolved["actions"]] == [ID]
    assert files.read(name) == document


@pytest.mark.parametrize(
    ("text", "why"),
    [(None, "No such file"), ("{", "no YAML"), ("- a", "not of the form"),
     ("name: x\nactions: 3", "not of the form")],
)  # fmt: skip
def test_what_describes_no_automation_is_refused_with_the_reason(tmp_path, text, why):
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadAutomation, match=why):
        files.read(str(path))


def test_a_wrong_trigger_is_refused_with_its_place():
    wrong = {"name": "x", "trigger": {"type": "event", "posture": "Later"}, "actions": []}
    with pytest.raises(BadAutomation, match=r"trigger.*posture"):
        files.resolved(wrong, {})
