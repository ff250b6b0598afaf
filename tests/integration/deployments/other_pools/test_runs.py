"""Runs whose process another pool's worker started: how they end their requests."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from prefect._internal import control_listener
from prefect._internal.concurrency.cancellation import CancelledError
from prefect.exceptions import TerminationSignal
from prefect.flow_engine import FlowRunTimeoutError
from prefect.states import Cancelling, Crashed
from sqlalchemy import Engine

from blocks.errors import Refused
from deployments.other_pools import runs, taking
from flows.common import actions, claims, outcomes
from flows.common.claims import Claim
from flows.common.models import RequestState
from tests.databases import Database
from tests.support.handovers import a_run, handed_over, process_of, row, run_of

pytestmark = pytest.mark.integration

CHECK = actions.get("check_pipeline")


@pytest.fixture
def engine(database: Database, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(runs.reaper, "start", lambda _: None)
    monkeypatch.setattr(runs, "end_others", lambda: None)
    monkeypatch.setattr(runs.run_artifacts, "leave", lambda *_: None)
    return database.ops_engine


def taken(engine: Engine) -> Claim:
    return taking.take(process_of(engine), CHECK, run_of(handed_over(engine)))


def end(engine: Engine, error: BaseException | None = None, value: Any = None) -> Any:
    """The request of a run that ends so."""
    claim = taken(engine)

    def work() -> Any:
        assert claims.held() == claim
        if error is not None:
            raise error
        return value

    with suppress(type(error)) if error is not None else nullcontext():
        runs._under(process_of(engine), CHECK, claim, work)
    return row(engine, claim.request_id)


def test_a_run_that_gives_a_value_completes_its_request(engine):
    assert end(engine, value={}).state == RequestState.COMPLETED


def test_a_foreseen_end_fails_it_with_its_reason(engine):
    found = end(engine, value=outcomes.state_of_error(Refused("not now")))
    assert (found.state, found.error) == ("failed", "not now")


def test_an_error_fails_it(engine):
    found = end(engine, ValueError("no such thing"))
    assert (found.state, found.error) == ("failed", "ValueError: no such thing")


@pytest.mark.parametrize("error", [FlowRunTimeoutError(), CancelledError()])
def test_the_time_limit_ends_it_by_the_actions_policy(engine, error):
    found = end(engine, error)
    assert (found.state, found.error) == ("failed", f"timed out after {CHECK.timeout_seconds:g} s")


def test_a_signal_of_a_cancellation_cancels_it(engine):
    control_listener._set_intent("cancel")
    try:
        assert end(engine, TerminationSignal(15)).state == RequestState.CANCELLED
    finally:
        control_listener.clear_intent()


def test_any_other_signal_leaves_it_to_the_policy(engine, monkeypatch):
    assert end(engine, TerminationSignal(15)).error == "handed back: its process was ended"


@pytest.mark.parametrize("error", [None, ValueError()])
def test_what_another_attempt_has_by_now_is_left_to_it(engine, error):
    claim = taken(engine)
    store = process_of(engine)

    def lose() -> None:
        store.conclude(claim, runs.Ending(state=None, error="lost", is_unbegun=True))
        if error is not None:
            raise error

    with suppress(ValueError):
        runs._under(store, CHECK, claim, lose)
    assert (row(engine, claim.request_id).state, row(engine, claim.request_id).error) == (
        RequestState.QUEUED, "lost"
    )  # fmt: skip


def test_where_the_process_is_gone_the_hook_of_prefects_worker_ends_the_request(engine):
    claim = taken(engine)
    runs.conclude_crashed(None, run_of(claim), Crashed(message="killed"))
    found = row(engine, claim.request_id)
    assert (found.state, found.error) == ("failed", "killed")


def test_what_crashed_before_it_took_its_request_is_queued_again(engine):
    claim = handed_over(engine)
    runs.conclude_crashed(None, run_of(claim), Crashed(message="killed"))
    assert row(engine, claim.request_id).state == RequestState.QUEUED


def test_a_cancellation_in_prefect_cancels_the_request(engine):
    claim = taken(engine)
    runs.conclude_cancelled(None, run_of(claim), Cancelling())
    assert row(engine, claim.request_id).state == RequestState.CANCELLED


def test_a_hook_leaves_what_the_warm_worker_holds(engine):
    claim = handed_over(engine, worker="prodops-worker@here")
    runs.conclude_crashed(None, run_of(claim), Crashed())
    assert row(engine, claim.request_id).state == RequestState.CLAIMED


def test_without_a_database_the_run_fails_in_one_line_that_names_the_setting(monkeypatch):
    monkeypatch.delenv("PRODOPS_DATABASE_URL", raising=False)
    runs.settings.cache_clear()
    with pytest.raises(taking.Ended) as ended:
        runs._claimed(CHECK, a_run(id=uuid.uuid4()))
    assert (ended.value.state.is_failed(), ended.value.state.name) == (True, "Unprepared")
    assert "PRODOPS_DATABASE_URL is not in the environment" in str(ended.value.state.message)
