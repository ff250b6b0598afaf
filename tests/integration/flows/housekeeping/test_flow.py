"""The nightly tidying: what fails of it keeps the rest from nothing, and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from blocks.errors import OutsideUnavailable
from flows.common import claiming, claims, requests, run
from flows.common.actions import Nothing
from flows.common.callers import on_ops_side
from flows.common.claims import Claim, ClaimLost
from flows.common.database import transaction
from flows.common.models import Request
from flows.common.run import PartsFailed
from flows.common.settings import settings
from flows.housekeeping import flow, tasks
from flows.housekeeping.actions import PRUNE_HISTORY
from flows.housekeeping.domain import History
from tests.databases import Database

pytestmark = pytest.mark.integration

_OLD_LOGS = text("""
    INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message,
        module, funcname, lineno, process, thread)
    SELECT 'a', 'i', now() - interval '1 year', 20, 'INFO', 'm', 'm', 'f', 1, 1, 1
    FROM generate_series(1, 3000)
""")
PARTS = {
    "flow_runs": "delete_old_flow_runs",
    "runs": "mark_old_runs",
    "rows": "delete_old_rows",
}


@pytest.fixture
def claimed(database: Database) -> Iterator[int]:
    """A request to tidy, as the worker holds it."""
    settings.cache_clear()
    with transaction(database.ops_engine) as session:
        requests.accept(session, PRUNE_HISTORY, Nothing(), caller=on_ops_side("me"), source="rest")
    with transaction(database.ops_engine) as session:
        (row,) = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
    claims.hold(Claim(row.id, row.attempts))
    yield row.id
    claims.hold(None)


def ended(database: Database, number: int) -> Request:
    with transaction(database.ops_engine) as session:
        return requests.get(session, number)


def gives(value: Any) -> Callable[..., Any]:
    def part(*_: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return part


def test_all_histories_are_kept_to_their_age(database, claimed, monkeypatch):
    for part in ("mark_old_runs", "delete_old_rows"):
        monkeypatch.setattr(flow, part, getattr(flow, part).fn)
    monkeypatch.setattr(flow, "delete_old_flow_runs", gives(3))
    nothing = {each.value: 0 for each in History} | {"unfinished": []}
    result = {"flow_runs": 3, "runs": 0, "rows": nothing}
    assert flow.prune_history.fn() == result
    assert ended(database, claimed).state == "completed"


@pytest.mark.parametrize(
    "error", [OutsideUnavailable("Prefect is away"), ValueError("odd"), OSError("x")]
)
@pytest.mark.parametrize("bad", PARTS)
def test_one_that_fails_is_named_and_the_others_are_done(
    database, claimed, monkeypatch, *, error, bad
):
    for name, part in PARTS.items():
        monkeypatch.setattr(flow, part, gives(error if name == bad else 3))
    with pytest.raises(PartsFailed):
        flow.prune_history.fn()
    row = ended(database, claimed)
    done = {name: 3 for name in PARTS if name != bad}
    assert (row.state, row.result, row.error) == ("failed", done, f"{bad}: {error}")


def test_what_there_was_no_time_for_is_named_and_the_next_pruning_does_it(
    database, claimed, monkeypatch
):
    with transaction(database.ops_engine) as session:
        session.execute(_OLD_LOGS)
    with run.opened(PRUNE_HISTORY):
        monkeypatch.setenv("PRODOPS_HISTORY_PRUNE_SECONDS", "0.000001")
        settings.cache_clear()
        hurried = tasks.delete_old_rows.fn()
        monkeypatch.delenv("PRODOPS_HISTORY_PRUNE_SECONDS")
        settings.cache_clear()
        next_one = tasks.delete_old_rows.fn()
    assert "log_records" in hurried["unfinished"]
    assert (next_one["log_records"], next_one["unfinished"]) == (3000, [])


def test_a_request_that_is_another_s_by_now_is_left_to_it(database, claimed, monkeypatch):
    monkeypatch.setattr(flow, "delete_old_flow_runs", gives(ClaimLost("lost")))
    monkeypatch.setattr(flow, "delete_old_rows", gives(AssertionError("not to be done")))
    with pytest.raises(ClaimLost):
        flow.prune_history.fn()
    assert ended(database, claimed).finished_at is None
