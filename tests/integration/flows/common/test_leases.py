"""Leases: found once they have run out, and taken over by one sweeper."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from flows.common import leases
from flows.common.claims import Claim
from flows.common.database import transaction
from tests.support.requests import (
    LEASE_SECONDS,
    accept,
    claim,
    claimed,
    expired,
    finish,
    give_back,
    let_lease_expire,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_only_an_expired_lease_is_found_and_not_that_of_a_run_we_have(ops: Engine):
    one, two = (accept(ops, is_deduplicated=False).id for _ in range(2))
    claim(ops)
    assert expired(ops) == []
    for each in (one, two):
        let_lease_expire(ops, each)
    assert expired(ops) == [one, two]
    assert expired(ops, excluding=[one]) == [two]


def test_a_renewed_lease_does_not_expire(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        leases.renew(session, [holder], lease_seconds=LEASE_SECONDS)
    assert expired(ops) == []


def test_two_sweepers_do_not_find_the_same_request(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        _, silent = leases.overdue(session)
        assert len(leases.take_over(session, silent, lease_seconds=LEASE_SECONDS)) == 1
        with transaction(ops) as other:
            assert leases.take_over(other, silent, lease_seconds=LEASE_SECONDS) == []
    assert expired(ops) == []


def test_what_its_owner_renewed_or_gave_up_meanwhile_is_not_taken_over(ops: Engine):
    for change in ("renewed", "given back"):
        holder = claimed(ops)
        let_lease_expire(ops, holder.request_id)
        with transaction(ops) as session:
            _, silent = leases.overdue(session)
        if change == "renewed":
            with transaction(ops) as session:
                leases.renew(session, [holder], lease_seconds=LEASE_SECONDS)
        else:
            give_back(ops, holder)
        with transaction(ops) as session:
            assert leases.take_over(session, silent, lease_seconds=LEASE_SECONDS) == []
        if change == "renewed":
            finish(ops, holder)


MANY = range(1, 70_000)  # more than a statement has room for parameters


def test_however_many_are_held_their_leases_are_renewed_and_looked_after(ops: Engine):
    holder = claimed(ops)
    others = [Claim(holder.request_id + number, 1) for number in MANY]
    let_lease_expire(ops, holder.request_id)
    assert expired(ops, excluding=[each.request_id for each in others]) == [holder.request_id]
    with transaction(ops) as session:
        leases.renew(session, [*others, holder], lease_seconds=LEASE_SECONDS)
        assert leases.given_up(session, [*others, holder]) == []
    assert expired(ops) == []


def test_however_many_are_silent_those_are_taken_over_that_still_are(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        _, [silent] = leases.overdue(session)
        many = [replace(silent, request_id=silent.request_id + number) for number in MANY]
        found = leases.take_over(session, [*many, silent], lease_seconds=LEASE_SECONDS)
    assert [each.id for each in found] == [holder.request_id]


def test_a_request_is_given_up_once_it_is_queued_or_at_a_later_attempt(ops: Engine):
    first, second = claimed(ops), Claim(99_999, 1)
    with transaction(ops) as session:
        assert leases.given_up(session, [first, second]) == []
    give_back(ops, first)
    for _ in ("queued again", "at a later attempt"):
        with transaction(ops) as session:
            assert leases.given_up(session, [first, second]) == [first.request_id]
        claim(ops)
    with transaction(ops) as session:
        assert leases.given_up(session, [Claim(first.request_id, 2)]) == []
