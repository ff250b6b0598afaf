"""Runs that Prefect's poll brings: a bad one stops itself alone, and a good one waits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.errors import Invalid, OutsideUnavailable, Refused
from deployments.worker.polled_runs import PolledRuns
from deployments.worker.request_store import NoRoom
from deployments.worker.works import Works
from tests.support.fake_prefect import answer


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Refused("no"), "Refused"),
        (Invalid({"x": ["is missing"]}), "Invalid"),
        (TypeError("a broken gate"), "Failed"),
        (answer(422), "Failed"),
    ],
)
def test_a_run_of_prefect_that_can_get_no_request_ends_with_the_reason(error, name):
    [state] = adopt(error)
    assert (state.name, state.is_failed()) == (name, name == "Failed")
    assert str(error) in state.message


@pytest.mark.parametrize("error", [OutsideUnavailable("away"), NoRoom("full"), answer(503)])
def test_a_run_of_prefect_is_brought_again_after_an_outage_or_where_all_is_full(error):
    with pytest.raises(type(error)):
        adopt(error)


def adopt(error: Exception) -> list[Any]:
    """The states that a run is given whose request cannot be made for this reason."""
    forced: list[Any] = []

    async def action_of(_run: object) -> None:
        raise error

    async def force(_id: object, state: Any) -> None:
        forced.append(state)

    polled = PolledRuns(
        works=Works(),
        room=None,
        store=None,
        flow_runs=SimpleNamespace(action_of=action_of, force=force),
        execution=None,
    )
    asyncio.run(polled.take(SimpleNamespace(idempotency_key=None, id="run")))
    return forced
