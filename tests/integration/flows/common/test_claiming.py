"""Requests are claimed once, in one order, by workers that race."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, text, update

from flows.common import claiming, holding, leases
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request
from tests.support.requests import (
    ACTION,
    BULK,
    LEASE_SECONDS,
    LIMITED,
    Know,
    Thing,
    accept,
    asked,
    at_once,
    claim,
    claimed,
    claimed_ids,
    expired,
    give_back,
    let_lease_expire,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_two_workers_claim_disjoint_requests_oldest_first(ops: Engine):
    made = [accept(ops, is_deduplicated=False).id for _ in range(60)]
    found = at_once(lambda index: [each.id for each in claim(ops, f"w{index}", 5)], 12)
    assert sorted(each for ids in found for each in ids) == made
    assert all(ids == sorted(ids) for ids in found)


def test_no_plan_of_the_database_claims_more_than_is_asked_for(ops: Engine):
    """Of a table that it takes for tiny, PostgreSQL may run a subquery once for each row."""
    first = accept(ops, is_deduplicated=False).id
    with transaction(ops) as session:
        session.execute(text("ANALYZE request"))
    ids = [first, *(accept(ops, is_deduplicated=False).id for _ in range(4))]
    with transaction(ops) as session:
        claimed = claiming.claim(session, worker="w", limit=2, lease_seconds=LEASE_SECONDS)
        assert [each.id for each in claimed] == ids[:2]


def test_a_closed_action_waits_and_holds_up_no_other(ops: Engine):
    [limited, open_one] = asked(ops, LIMITED, ACTION)
    assert claimed_ids(ops, 5, closed={LIMITED.name}) == [open_one]
    assert claimed_ids(ops, 5) == [limited]


def test_a_request_that_another_claims_just_now_is_skipped_not_waited_for(ops: Engine):
    first, second = (accept(ops, is_deduplicated=False).id for _ in range(2))
    with transaction(ops) as session:
        (held,) = claiming.claim(session, worker="slow", limit=1, lease_seconds=LEASE_SECONDS)
        assert held.id == first
        assert [each.id for each in claim(ops, "quick")] == [second]


def test_a_claim_names_its_worker_its_attempt_and_its_lease(ops: Engine):
    accept(ops)
    (request,) = claim(ops, "worker-1")
    assert (request.state, request.worker, request.attempts) == ("claimed", "worker-1", 1)
    assert request.lease_until is not None
    assert (request.lease_until - request.claimed_at).total_seconds() == LEASE_SECONDS


def test_a_request_given_back_with_a_delay_waits_for_it(ops: Engine):
    holder = claimed(ops)
    give_back(ops, holder, delay_seconds=60)
    assert claim(ops) == []
    with transaction(ops) as session:
        session.execute(update(Request).values(not_before=func.now()))
    assert [each.attempts for each in claim(ops)] == [2]


def test_a_run_that_prefect_started_gets_a_request_only_where_none_is_open(ops: Engine):
    def adopt(index: int) -> Request | None:
        with transaction(ops) as session:
            return claiming.claim_new(
                session, ACTION, Thing(), caller=on_ops_side("prefect"), source="prefect",
                worker=f"w{index}", lease_seconds=LEASE_SECONDS,
            )  # fmt: skip

    made = [request for request in at_once(adopt) if request is not None]
    assert [(each.state, each.attempts) for each in made] == [("claimed", 1)]


def test_what_is_excluded_is_left_however_much_it_is(ops: Engine):
    first, second = (accept(ops, is_deduplicated=False).id for _ in range(2))
    ending = [first, *range(second + 1, second + 70_000)]
    with transaction(ops) as session:
        found = claiming.claim(
            session, worker="w", limit=8, lease_seconds=LEASE_SECONDS, excluding=ending
        )
    assert [each.id for each in found] == [second]


# ------------------------------------------------------------------ the order


def test_the_oldest_is_claimed_first_whatever_limits_its_action(ops: Engine):
    old, *newer = asked(ops, LIMITED, *[ACTION] * 5)
    assert claimed_ids(ops, 1) == [old]
    assert claimed_ids(ops, 2) == newer[:2]


def test_one_order_holds_over_many_actions_within_their_ceilings(ops: Engine):
    ids = asked(ops, LIMITED, ACTION, LIMITED, LIMITED, ACTION, LIMITED)
    assert claimed_ids(ops, 4) == [ids[0], ids[1], ids[2], ids[4]]
    assert claimed_ids(ops, 4) == []


def test_a_full_ceiling_keeps_nobody_else_waiting_however_many_wait_for_it(ops: Engine):
    full = asked(ops, *[LIMITED] * 40)
    (newest,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*full[:2], newest]


def test_what_was_given_back_keeps_its_age(ops: Engine):
    old, newer = asked(ops, ACTION, ACTION)
    assert claimed_ids(ops, 1) == [old]
    give_back(ops, Claim(old, 1))
    assert claimed_ids(ops, 2) == [old, newer]


def test_background_work_takes_no_more_than_its_share_and_people_all_of_it(ops: Engine):
    ids = asked(ops, *[BULK] * 5, ACTION, ACTION)
    assert claimed_ids(ops, 4, background=2) == [*ids[:2], *ids[5:]]
    assert claimed_ids(ops, 4, background=0) == []
    assert claimed_ids(ops, 4, background=1) == [ids[2]]


def test_a_bulk_action_at_its_ceiling_leaves_the_share_to_other_bulk_work(ops: Engine, know: Know):
    full = replace(LIMITED, is_background=True)
    know(full)
    ids = asked(ops, *[full] * 5, BULK)
    assert claimed_ids(ops, 8, background=3) == [*ids[:2], ids[5]]


def test_five_hundred_looks_keep_no_submission_waiting(ops: Engine, know: Know):
    look = replace(ACTION, name="look", is_look=True, at_a_time=lambda: 2)
    know(look)
    looks = asked(ops, *[look] * 500)
    (submission,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*looks[:2], submission]


def test_what_nobody_here_knows_is_left_to_workers_that_do(ops: Engine, know: Know):
    newer = replace(ACTION, name="of_a_newer_version")
    strange, known = asked(ops, newer, ACTION)
    assert claimed_ids(ops, 8) == [known]
    with transaction(ops) as session:
        assert claiming.unknown_actions(session) == ["of_a_newer_version"]
    know(newer)
    assert claimed_ids(ops, 8) == [strange]
    let_lease_expire(ops, strange)
    know()
    assert expired(ops) == []
    with transaction(ops) as session:
        assert strange not in {each.id for each in leases.held_by(session, "w")}


# ------------------------------------------------------------------ hand-over


def test_the_successor_of_a_run_under_way_goes_before_what_waits(ops: Engine):
    holder = claimed(ops)
    older = asked(ops, ACTION, LIMITED)
    with transaction(ops) as session:
        successor = holding.succeed(session, holder)
    assert claimed_ids(ops, 1) == [successor]
    assert claimed_ids(ops, 5) == older


def test_the_successor_of_a_run_that_gave_up_waits_its_turn(ops: Engine):
    holder = claimed(ops)
    [older] = asked(ops, ACTION)
    with transaction(ops) as session:
        successor = holding.succeed(session, holder)
    with transaction(ops) as session:
        session.execute(
            update(Request).where(Request.id == holder.request_id).values(state="completed")
        )
    assert claimed_ids(ops, 1) == [older]
    assert claimed_ids(ops, 1) == [successor]
