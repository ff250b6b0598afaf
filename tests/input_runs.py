"""Runs of provenance's smaller flows without a worker, and what they left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import select

from blocks.errors import ProdOpsError
from blocks.pcs_service import Campaign, RequestedInput, Survey
from deployments import catalogue
from flows.common import actions, claiming, claims, holding, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.common.settings import settings
from flows.provenance.tasks import access
from tests.databases import Database
from tests.grid import RunningGrid
from tests.sweeps import without_prefect


@dataclass
class Runs:
    """What PCS knows, what is asked for, and what came of it; this is PCS's catalogue, too."""

    database: Database
    campaigns: list[Campaign] = field(default_factory=list)
    requested: list[RequestedInput] = field(default_factory=list)
    trouble: ProdOpsError | None = None

    @property
    def unreadable(self) -> dict[str, str]:
        return {}

    @property
    def catalogue(self) -> Runs:
        return self

    def survey(self) -> Survey:
        if self.trouble is not None:
            raise self.trouble
        return Survey(tuple(self.campaigns), tuple(self.requested))

    def hold(self, action: str, parameters: Mapping[str, Any]) -> Claim:
        """Ask for the action, and claim it as a worker does."""
        wanted = actions.get(action)
        with transaction(self.database.ops_engine) as session:
            form = wanted.parse(dict(parameters))
            requests.accept(session, wanted, form, caller=on_ops_side("me"), source="page")
        return self.claim()

    def claim(self) -> Claim:
        with transaction(self.database.ops_engine) as session:
            (claimed,) = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
            return Claim(claimed.id, claimed.attempts)

    def end(self, attempt: Claim, action: str, **parameters: Any) -> Request:
        """Do what the worker does with an attempt; gives the request, however it ended."""
        claims.hold(attempt)
        try:
            with disable_run_logger():
                catalogue.flow_of(action).fn(**parameters)
        except ProdOpsError:
            pass
        finally:
            claims.hold(None)
        with transaction(self.database.ops_engine) as session:
            return requests.get(session, attempt.request_id)

    def run(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The result of a run that completes."""
        ended = self.end(self.hold(action, parameters), action, **parameters)
        assert ended.state == "completed", ended.error
        return ended.result or {}

    def fail(self, action: str, **parameters: Any) -> str:
        """The error of a run that fails."""
        ended = self.end(self.hold(action, parameters), action, **parameters)
        assert ended.state == "failed"
        return ended.error or ""

    def lose(self, attempt: Claim) -> Claim:
        """Let the attempt's run be lost, and another one claim the request."""
        with transaction(self.database.ops_engine) as session:
            holding.give_back(session, attempt, error="lost", delay_seconds=0)
        return self.claim()

    def events(self, msg_type: str) -> list[dict[str, Any]]:
        with transaction(self.database.ops_engine) as session:
            wanted = select(Event.payload).where(Event.msg_type == msg_type).order_by(Event.id)
            return list(session.scalars(wanted))

    def rows(self, model: Any, **values: Any) -> list[Any]:
        with transaction(self.database.ops_engine) as session:
            return list(session.scalars(select(model).filter_by(**values)))


@pytest.fixture
def runs(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Runs:
    """Runs on a fresh database, with a PCS that knows what the test says."""
    made = Runs(database)
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path / "public"))
    settings.cache_clear()
    without_prefect(monkeypatch)
    monkeypatch.setattr(access, "pcs", lambda: made)
    return made


@pytest.fixture
def rucio(runs: Runs, grid: RunningGrid, monkeypatch: pytest.MonkeyPatch) -> RunningGrid:
    """The session's Rucio, as an identity that may write, and the open door's storage."""
    environment = {
        **grid.environment(),
        "PRODOPS_RUCIO_PRODUCED_ACCOUNT": "panda",
        "PRODOPS_RUCIO_PRODUCED_USERNAME": "panda",
        "PRODOPS_RUCIO_PRODUCED_PASSWORD_FILE": str(grid.password_file("panda")),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return grid
