"""Which runs have all their states relayed."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deployments.relay import histories
from deployments.relay.histories import Histories
from deployments.relay.messages import RunState


def run(length: int) -> list[RunState]:
    """The states that a run took, as Prefect's events tell of them."""
    flow_run_id, ids = uuid.uuid4(), [uuid.uuid4() for _ in range(length)]
    began = datetime(2026, 11, 22, tzinfo=UTC)
    return [
        RunState(
            state_id=state_id,
            flow_run_id=flow_run_id,
            state_type="RUNNING",
            state_name="Running",
            timestamp=began + timedelta(seconds=number),
            previous_id=previous,
            is_first=previous is None,
        )
        for number, (previous, state_id) in enumerate(itertools.pairwise([None, *ids]))
    ]


def test_a_chain_from_the_first_state_on_is_whole_in_whatever_order_it_comes():
    known, states = Histories(), run(4)
    known.note(reversed(states[:3]))
    known.note(states[3:])
    assert all(known.are_relayed_up_to(each.state_id) for each in states)


@pytest.mark.parametrize("missing", range(3))
def test_nothing_behind_a_gap_is_whole(missing: int):
    known, states = Histories(), run(4)
    known.note(states[:missing] + states[missing + 1 :])
    relayed = [known.are_relayed_up_to(each.state_id) for each in states]
    assert relayed == [number < missing for number in range(4)]


def test_a_state_that_follows_one_that_is_not_named_is_not_whole():
    known, states = Histories(), run(2)
    known.note([states[0], replace(states[1], previous_id=None)])
    assert not known.are_relayed_up_to(states[1].state_id)


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(histories, "_REMEMBERED", 2)
    known, states = Histories(), run(3)
    known.note(states)
    assert [known.are_relayed_up_to(each.state_id) for each in states] == [False, True, True]
