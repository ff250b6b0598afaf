"""Whether an attempt was taken from a worker that was well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.bench.hosts.custody import AttemptEnd, Excuse, given_back, taken
from deployments.bench.outage.checks import BreachKind

AT = datetime(2026, 11, 30, tzinfo=UTC)
HERE, THERE = "prodops@host1", "prodops@host2"
LOST = "worker {} was lost while it held the request"


def ended(**changed: Any) -> AttemptEnd:
    given = {
        "at": AT,
        "request_id": 1,
        "action": "submit_task",
        "attempt": 1,
        "worker": HERE,
        "claimed_at": AT - timedelta(seconds=5),
        "became": "completed",
        "error": None,
    }
    return AttemptEnd(**{**given, **changed})


def was_lost(worker: str, **changed: Any) -> AttemptEnd:
    return ended(worker=worker, became="queued", error=LOST.format(worker), **changed)


def excuse(worker: str = THERE) -> Excuse:
    """It was well again a second before `AT`, and all must be taken over a second later."""
    return Excuse(worker, AT.timestamp() - 1, AT.timestamp() + 1)


def test_what_the_struck_worker_lost_may_be_taken_over():
    assert not list(taken([was_lost(THERE), ended()], excuse()))


def test_what_a_worker_lost_that_was_well_was_taken_from_it():
    found = list(taken([was_lost(HERE)], excuse()))
    assert [each.kind for each in found] == [BreachKind.TAKEN]
    assert HERE in found[0].text


@pytest.mark.parametrize(
    "late", [{"claimed_at": AT}, {"at": AT + timedelta(seconds=2)}], ids=["claimed", "taken"]
)
def test_what_it_claims_once_it_is_well_again_or_keeps_so_long_is_its_own(late):
    assert len(list(taken([was_lost(THERE, **late)], excuse()))) == 1


def test_where_no_worker_was_struck_nothing_may_be_taken():
    assert len(list(taken([was_lost(HERE), was_lost(THERE)], None))) == 2


def test_what_another_holds_at_once_was_taken():
    assert len(list(taken([ended(became="running")], excuse()))) == 1


def test_a_request_that_failed_for_a_lost_worker_is_one_that_was_taken():
    assert ended(became="failed", error=LOST.format(HERE)).lost_by == HERE


def test_why_attempts_ended_before_their_requests_is_counted():
    waits = ended(became="unknown", error="PanDA has not answered")
    found = given_back([waits, waits, ended(), was_lost(HERE)])
    assert dict(found) == {"unknown: PanDA has not answered": 2}
