"""What the trigger notes of attempts at requests, in a real database."""

from __future__ import annotations

from math import inf
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from deployments.bench.common.stack import BenchStack
from deployments.bench.hosts.custody import Custody, Excuse, taken
from flows.common.database import now, transaction
from flows.common.models import Request
from tests.databases import Database

pytestmark = pytest.mark.integration

HERE, THERE = "prodops@host1", "prodops@host2"


@pytest.fixture
def custody(database: Database) -> Custody:
    stack: Any = None
    return Custody(BenchStack(stack, "", database.ops_engine, httpx.Client()))


@pytest.fixture
def request_id(database: Database, custody: Custody) -> int:
    held = {
        "state": "running",
        "worker": HERE,
        "attempts": 1,
        "requested_by": "me",
        "claimed_at": now(),
    }
    with transaction(database.ops_engine) as session:
        request = Request(action="submit_task", parameters={}, source="test", **held)
        session.add(request)
        session.flush()
        return request.id


def change(database: Database, request_id: int, changes: str) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(text(f"UPDATE request SET {changes} WHERE id = {request_id}"))


def test_a_renewed_lease_and_a_claim_are_no_end(database, custody, request_id):
    change(database, request_id, "lease_until = now()")
    change(database, request_id, "state = 'claimed'")
    assert custody.since(0) == []


def test_each_end_of_an_attempt_is_noted_with_who_held_it(database, custody, request_id):
    lost = f"worker {HERE} was lost while it held the request"
    change(database, request_id, f"state = 'queued', error = '{lost}'")
    place = custody.place()
    change(database, request_id, f"state = 'claimed', attempts = 2, worker = '{THERE}'")
    change(database, request_id, "state = 'completed', error = NULL")
    first, second = custody.since(0)
    assert (first.attempt, first.worker, first.became, first.lost_by) == (1, HERE, "queued", HERE)
    assert (second.attempt, second.worker, second.became) == (2, THERE, "completed")
    assert second.lost_by is None
    assert custody.since(place) == [second]


def test_a_request_that_another_worker_writes_its_name_on_was_taken(database, custody, request_id):
    change(database, request_id, f"worker = '{THERE}'")
    excuse = Excuse(THERE, back_at=inf, until=inf)
    assert [each.text.partition(" of ")[2] for each in taken(custody.since(0), excuse)] == [
        f"{HERE}: running, None"
    ]
