"""Every event that a test has prodops write is of the form that is declared for it.

What is committed in the test's own process is looked at; the flows of most tests run there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from pydantic import ValidationError

from deployments.asyncapi import declared
from flows.common import events
from flows.common.events import NewEvent
from flows.common.text import unkeepable


def problem_of(event: NewEvent) -> str | None:
    """What is wrong with an event that prodops writes; None: nothing, or it is a peer's."""
    payload = json.loads(event.payload)
    is_ours = isinstance(payload, dict) and payload.get("sender") == events.OURS
    form = declared.events().get(event.msg_type)
    if form is None:
        return f"{event.msg_type}: it is not declared in EVENTS" if is_ours else None
    if not (is_ours or event.request_id or event.flow_run_id) or event.origin == events.BUS:
        return None
    if any(unkeepable(payload)):  # PostgreSQL refuses it
        return None
    added = {*events.ENRICHED} | ({"namespace"} if payload.get("namespace") is None else set())
    body = {name: value for name, value in payload.items() if name not in added}
    try:
        form.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        return f"{event.msg_type}: it is not of its form: {error}"
    return None


@contextmanager
def checked_events(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Look at every event that is committed; gives the list of what is wrong with them."""
    problems: list[str] = []
    row = events._row

    def checked(event: NewEvent) -> str:
        if (problem := problem_of(event)) is not None:
            problems.append(problem)
        return row(event)

    with patch.context() as context:
        context.setattr(events, "_row", checked)
        yield problems


@pytest.fixture(scope="session")
def event_problems() -> Iterator[list[str]]:
    with checked_events(pytest.MonkeyPatch()) as problems:
        yield problems


@pytest.fixture(autouse=True)
def declared_events(event_problems: list[str]) -> Iterator[None]:
    """An event that is not of its form fails the test that wrote it, whatever became of it."""
    event_problems.clear()
    yield
    found: Sequence[str] = list(dict.fromkeys(event_problems))
    assert not found, "\n".join(found)
