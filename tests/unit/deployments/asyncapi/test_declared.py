"""The declared events, and what tests hold every event to that they see."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from deployments.asyncapi import declared
from deployments.bridge.unbuilt import UNBUILT
from deployments.relay.messages import RunState, flow_run_state
from flows.common import events
from flows.common.claims import Claim
from flows.common.database import now
from flows.common.messages import EventBody
from flows.submission import messages
from tests.declared_events import problem_of

CLAIM = Claim(5, 1, None)


def test_no_type_is_declared_twice():
    forms = [form for module in declared.declaring() for form in module.EVENTS]
    assert len(forms) == len(declared.events())


@pytest.mark.parametrize("form", declared.events().values())
def test_a_form_says_when_and_describes_its_keys(form: type[EventBody]):
    assert form.__doc__
    keys = {name: each for name, each in form.model_fields.items() if name != "msg_type"}
    assert [name for name, each in keys.items() if not each.description] == []


def test_an_event_that_is_made_through_its_form_is_no_problem():
    assert problem_of(messages.failed("elm", "why", CLAIM)) is None


@pytest.mark.parametrize("name", UNBUILT)
def test_the_answer_to_what_is_not_built_is_of_its_form(name):
    assert problem_of(UNBUILT[name].to({"task_name": "elm", "pandaid": 7})) is None


def test_an_event_without_a_namespace_of_its_own_is_no_problem():
    state = RunState(
        state_id=uuid4(), flow_run_id=uuid4(), state_type="RUNNING", state_name="Running",
        timestamp=now(),
    )  # fmt: skip
    assert problem_of(flow_run_state(state, None)) is None


def changed(**values: object) -> events.NewEvent:
    made = messages.failed("elm", "why", CLAIM)
    return replace(made, payload=json.dumps(json.loads(made.payload) | values))


@pytest.mark.parametrize("values", [{"reason": 7}, {"more": "than declared"}, {"request_id": "5"}])
def test_an_event_that_is_not_of_its_form_is_a_problem(values):
    assert "not of its form" in str(problem_of(changed(**values)))


def test_an_event_of_ours_that_is_not_declared_is_a_problem():
    ours = events.message_event({"msg_type": "unheard_of", "sender": events.OURS})
    assert "not declared" in str(problem_of(ours))


def test_what_a_peer_sends_is_no_problem():
    theirs = {"msg_type": "tf_file_registered", "sender": "fastmon-agent-olga-9"}
    assert problem_of(events.message_event(theirs)) is None
    assert problem_of(events.message_event({"msg_type": "anything"})) is None


def test_every_event_that_is_committed_is_looked_at(event_problems):
    events._row(changed(reason=7))
    assert len(event_problems) == 1
    event_problems.clear()  # else this test would fail, as it should
