"""How many requests of an action are held at a time, and begun in a minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from flows.common import requests
from flows.common.capacity import SharedCeiling
from flows.common.claims import Claim
from flows.common.database import now, transaction
from tests.support.requests import ACTION, Know, asked, claimed_ids, finish

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_no_more_are_begun_in_a_minute_than_the_rate_of_their_action(ops: Engine, know: Know):
    rated = replace(ACTION, name="rated", a_minute=lambda: 3)
    know(rated)
    ids = asked(ops, *[rated] * 5)
    (other,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*ids[:3], other]
    finish(ops, Claim(ids[0], 1))
    assert claimed_ids(ops, 8) == []
    with transaction(ops) as session:
        requests.get(session, ids[1]).claimed_at = now() - timedelta(seconds=61)
    assert claimed_ids(ops, 8) == [ids[3]]


@pytest.mark.parametrize("limit", ["at_a_time", "a_minute"])
def test_an_action_whose_ceiling_is_broken_is_claimed_by_nobody_and_keeps_none_waiting(
    ops: Engine, know: Know, limit: str
):
    broken = replace(ACTION, name="broken", **{limit: lambda: 1 // 0})
    know(broken)
    _, good = asked(ops, broken, ACTION)
    assert claimed_ids(ops, 8) == [good]


def test_actions_that_share_a_ceiling_are_held_together_no_more_than_it_allows(
    ops: Engine, know: Know
):
    other, free = replace(ACTION, name="other"), replace(ACTION, name="free")
    know(other, free)
    ids = asked(ops, ACTION, other, ACTION, free)
    shared = [SharedCeiling("the queue", frozenset({ACTION.name, "other"}), 2)]
    assert claimed_ids(ops, 8, shared=shared) == [ids[0], ids[2], ids[3]]
    assert claimed_ids(ops, 8, shared=shared) == []
    finish(ops, Claim(ids[0], 1))
    assert claimed_ids(ops, 8, shared=shared) == [ids[1]]


def test_below_a_shared_ceiling_background_work_without_a_slot_keeps_no_other_waiting(
    ops: Engine, know: Know
):
    bulk = replace(ACTION, name="bulk_too", is_background=True)
    know(bulk)
    _, other = asked(ops, bulk, ACTION)
    shared = [SharedCeiling("the queue", frozenset({"bulk_too", ACTION.name}), 1)]
    assert claimed_ids(ops, 8, background=0, shared=shared) == [other]
