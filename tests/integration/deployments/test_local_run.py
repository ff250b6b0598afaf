"""`prodops run --local`: its request ends as its run does, and the caller is told in a line."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed
from sqlalchemy import select

from deployments import local_run
from deployments.local_run import ForeseenEnd
from flows.agents.models import AppLog
from flows.common.callers import on_ops_side
from flows.common.database import transaction
from flows.common.models import Request
from tests.databases import Database

ME = on_ops_side("me")


class FakePrefect:
    """A flow that ends in a state, and a server that takes artifacts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.state: State[Any] = Completed()
        self.name = ""
        self.artifacts: list[dict[str, Any]] = []

    def with_options(self, *, flow_run_name: Any) -> Any:
        self.name = flow_run_name()
        return lambda **_: self.state

    @contextmanager
    def client(self) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(request=lambda *_, json: self.artifacts.append(json))

    def run(self) -> Request:
        return local_run.run(self.database.ops_engine, "prune_history", {}, caller=ME)

    def request(self) -> Request:
        with transaction(self.database.ops_engine) as session:
            return session.scalars(select(Request)).one()


@pytest.fixture
def prefect(database: Database, monkeypatch: pytest.MonkeyPatch) -> FakePrefect:
    fake = FakePrefect(database)
    monkeypatch.setattr(local_run.catalogue, "flow_of", lambda _: fake)
    monkeypatch.setattr(local_run.run_artifacts, "quick_client", fake.client)
    return fake


def ended(state: State[Any]) -> State[Any]:
    state.state_details.flow_run_id = uuid.uuid4()
    return state


def test_a_local_run_is_named_and_leaves_its_summary(prefect):
    prefect.state = ended(Completed())
    request = prefect.run()
    assert (request.state, prefect.name) == ("completed", f"prune history #{request.id}")
    [summary] = prefect.artifacts
    assert summary["flow_run_id"] == str(prefect.state.state_details.flow_run_id)
    assert summary["key"] == "prune-history"


@pytest.mark.parametrize(
    ("name", "became"),
    [("Refused", "failed"), ("NotFound", "failed"), ("Invalid", "failed"), ("PutOff", "queued")],
)
def test_a_foreseen_end_is_said_in_a_line(prefect, name, became):
    prefect.state = ended(Cancelled(name=name, message="the reason"))
    with pytest.raises(ForeseenEnd, match=f"^{name}: the reason$"):
        prefect.run()
    assert (prefect.request().state, prefect.request().error) == (became, "the reason")


def test_a_run_that_failed_raises_what_it_failed_with(prefect):
    prefect.state = ended(Failed(data=ValueError("boom"), message="boom"))
    with pytest.raises(ValueError, match="boom"):
        prefect.run()
    assert (prefect.request().state, prefect.request().error) == ("failed", "ValueError: boom")


def test_a_prefect_that_takes_no_artifact_changes_nothing(prefect, monkeypatch):
    @contextmanager
    def away() -> Iterator[None]:
        raise ConnectionError("away")
        yield

    monkeypatch.setattr(local_run.run_artifacts, "quick_client", away)
    prefect.state = ended(Completed())
    assert prefect.run().state == "completed"


def test_what_it_logs_is_in_the_log_table_with_its_request(prefect, database, monkeypatch):
    def log(**_: Any) -> State[Any]:
        logging.getLogger("flows").warning("a line of a run here")
        structlog.get_logger("run").warning("a line of a part here")
        return ended(Completed())

    monkeypatch.setattr(prefect, "with_options", lambda **_: log)
    request = prefect.run()
    with transaction(database.ops_engine) as session:
        about = session.scalars(
            select(AppLog.extra_data).where(AppLog.message.like("a line of % here"))
        ).all()
    assert about == [{"request_id": str(request.id), "action": "prune_history"}] * 2
