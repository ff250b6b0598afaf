"""States out of Prefect's events: what each says of its run and of the states before it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.relay.prefect_states import state_of_event

RUN = uuid.UUID(int=7)


def event(*tags: str, name: str = "Running", **changed: Any) -> SimpleNamespace:
    """A state-change event, as Prefect's client gives it."""
    resource = {
        "prefect.resource.id": f"prefect.flow-run.{RUN}",
        "prefect.state-type": name.upper(),
        "prefect.state-name": name,
    }
    of_tags = [{"prefect.resource.id": f"prefect.tag.{tag}"} for tag in tags]
    given: dict[str, Any] = {
        "id": uuid.uuid4(),
        "event": f"prefect.flow-run.{name}",
        "occurred": datetime(2026, 11, 22, tzinfo=UTC),
        "resource": resource,
        "related": [{"prefect.resource.id": "prefect.flow.1"}, *of_tags],
        "payload": {"initial_state": {"type": "PENDING"}},
        "follows": None,
    }
    return SimpleNamespace(**given | changed)


def test_a_state_names_its_run_and_the_state_that_it_follows():
    before = uuid.uuid4()
    announced = event(follows=before)
    state = state_of_event(announced)
    assert state is not None
    assert (state.state_id, state.flow_run_id) == (announced.id, RUN)
    assert (state.state_type, state.state_name) == ("RUNNING", "Running")
    assert (state.previous_id, state.is_first) == (before, False)


@pytest.mark.parametrize(
    ("payload", "is_first"),
    [({"initial_state": None}, True), ({"initial_state": {"type": "PENDING"}}, False), ({}, False)],
)
def test_a_state_is_the_first_only_where_prefect_says_so(
    payload: dict[str, Any], *, is_first: bool
):
    state = state_of_event(event(payload=payload))
    assert state is not None
    assert state.is_first is is_first


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (("action:a", "request:41"), 41),
        (("action:a",), None),
        (("request:41", "request:42"), None),
        (("request:x",), None),
        ((f"request:{10**18}",), None),
    ],
)
def test_the_run_s_tag_names_its_request(tags: tuple[str, ...], named: int | None):
    state = state_of_event(event(*tags))
    assert state is not None
    assert state.tagged_request_id == named


@pytest.mark.parametrize("changed", [{"event": "prefect.flow-run.heartbeat"}, {"resource": {}}])
def test_an_event_of_no_state_is_left(changed: dict[str, Any]):
    assert state_of_event(event(**changed)) is None
