"""Requests that somebody wants to end, or for which nobody waits any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from flows.common import cancellations, requests
from flows.common.actions import Action
from flows.common.callers import Caller, on_ops_side
from flows.common.database import now, transaction
from flows.common.models import RequestState
from tests.support.requests import ACTION, Know, accept, asked, claim, claimed, finish, row

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_a_queued_request_is_cancelled_with_who_asked(ops: Engine, web: Engine, shifter: Caller):
    accepted = accept(ops)
    for _ in range(2):
        with transaction(web) as session:
            cancellations.ask(session, accepted.id, caller=shifter, reason="no beam")
    with transaction(ops) as session:
        assert [each.id for each in cancellations.end_queued(session)] == [accepted.id]
    found = row(ops, accepted.id)
    assert (found.state, found.error) == ("cancelled", "cancelled by shifter")
    assert claim(ops) == []


def test_a_running_request_is_only_named_as_to_be_cancelled(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        cancellations.ask(session, holder.request_id, caller=on_ops_side("shifter"), reason="")
    with transaction(ops) as session:
        assert cancellations.end_queued(session) == []
        wishes = cancellations.unserved(session, [holder.request_id])
    assert [(each.request_id, each.requested_by) for each in wishes] == [
        (holder.request_id, "shifter")
    ]
    assert row(ops, holder.request_id).state == RequestState.CLAIMED


def test_however_many_are_held_those_to_be_cancelled_are_found(ops: Engine):
    holder = claimed(ops)
    many = range(holder.request_id, holder.request_id + 70_000)
    with transaction(ops) as session:
        cancellations.ask(session, holder.request_id, caller=on_ops_side("shifter"), reason="")
        wishes = cancellations.unserved(session, many)
        assert [each.request_id for each in wishes] == [holder.request_id]


def test_cancelling_an_ended_request_notes_nothing(ops: Engine):
    holder = claimed(ops)
    finish(ops, holder)
    with transaction(ops) as session:
        cancellations.ask(session, holder.request_id, caller=on_ops_side("late"), reason="")
        assert cancellations.unserved(session, [holder.request_id]) == []


def asked_by_a_look(engine: Engine, action: Action, age_seconds: float, source: str) -> int:
    (request_id,) = asked(engine, action)
    with transaction(engine) as session:
        found = requests.get(session, request_id)
        found.source, found.created_at = source, now() - timedelta(seconds=age_seconds)
    return request_id


def test_what_only_a_look_asked_for_ends_once_nobody_waits_for_it(ops: Engine, know: Know):
    look = replace(ACTION, name="look", is_look=True)
    know(look)
    old = asked_by_a_look(ops, look, 700, "page")
    asked_by_a_look(ops, look, 500, "page")  # somebody may wait for it still
    asked_by_a_look(ops, look, 700, "rest")  # a program waits as long as it takes
    asked_by_a_look(ops, ACTION, 700, "page")
    begun = asked_by_a_look(ops, look, 700, "page")
    with transaction(ops) as session:
        requests.get(session, begun).attempts = 1
    with transaction(ops) as session:
        assert [each.id for each in cancellations.end_looks(session, seconds=600)] == [old]
    found = row(ops, old)
    assert (found.state, found.error) == (
        "cancelled", "nobody waits for it any more: it had not begun after 600 s",
    )  # fmt: skip
