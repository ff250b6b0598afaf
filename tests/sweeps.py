"""Sweeps without a worker: a request, its flow's tasks, and what the records then say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from prefect.tasks import Task
from sqlalchemy import select

from blocks.errors import ProdOpsError
from blocks.pcs_service import Campaign, RequestedInput, Survey
from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.seed import seed
from flows.common import actions, claiming, claims, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.common.settings import settings
from flows.provenance import flow
from flows.provenance.models import (
    CampaignSweep,
    PathMatch,
    ProducedDataset,
    ProducedFile,
    RequestedPath,
)
from flows.provenance.tasks import (
    arrivals,
    common,
    did,
    evgen,
    pcs,
    registration,
    reports,
    snapshot,
    sweep,
)
from tests.databases import Database
from tests.grid import RunningGrid

_TASKS = (arrivals, common, did, evgen, pcs, registration, reports, snapshot, sweep)
ROOT = "/volatile/eic/EPIC/EVGEN"


def listed(name: str, *, files: int = 3, **rses: int) -> ListedDataset:
    """A dataset of so many files, of each of which the RSEs have so many (BNL_XRD=2)."""
    at = {rse.replace("_", "-"): (available, files) for rse, available in rses.items()}
    return ListedDataset(name, at or {"BNL-XRD": (files, files)}, files, 1000 * files)


def asking(name: str, suffix: str, campaign: str = "", **more: Any) -> RequestedInput:
    """A task of PCS that asks for an input."""
    given: dict[str, Any] = {
        "key": 1, "owner": "me", "priority": None, "requestor": "", "overrides": {},
    }  # fmt: skip
    return RequestedInput(
        name=name, campaign=campaign, path=f"{ROOT}/{suffix}", **{**given, **more}
    )


def known(name: str, lifecycle: str = "current") -> Campaign:
    return Campaign(name=name, lifecycle=lifecycle, is_in_work=False)


@dataclass
class Sweeps:
    """What PCS knows, what is asked for, and what came of it."""

    database: Database
    grid: RunningGrid
    place: Path
    campaigns: list[Campaign] = field(default_factory=list)
    requested: list[RequestedInput] = field(default_factory=list)
    ask_pcs_itself: Callable[[], Survey] = pcs.ask_pcs.fn

    def ask_pcs(self) -> Survey:
        return Survey(tuple(self.campaigns), tuple(self.requested))

    def produce(self, *datasets: ListedDataset) -> None:
        seed(self.grid, datasets)

    # -------------------------------------------------------------- runs

    def hold(self, action: str, parameters: Mapping[str, Any]) -> Claim:
        """Ask for the action, and claim it as a worker does."""
        wanted = actions.get(action)
        with transaction(self.database.ops_engine) as session:
            form = wanted.parse(dict(parameters))
            requests.accept(session, wanted, form, caller=on_ops_side("me"), source="page")
        with transaction(self.database.ops_engine) as session:
            (claimed,) = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
            return Claim(claimed.id, claimed.attempts)

    def run(self, action: str, **parameters: Any) -> Request:
        """Do what the worker does; gives the request as it ended, failed or not."""
        attempt = self.hold(action, parameters)
        claims.hold(attempt)
        try:
            with disable_run_logger():
                getattr(flow, action).fn(**parameters)
        except ProdOpsError as error:
            logging.getLogger("prodops").debug("the run failed: %s", error)
        finally:
            claims.hold(None)
        return self.request(attempt.request_id)

    def sweep(self, campaign: str) -> Request:
        return self.run("campaign_provenance_sweep", campaign=campaign)

    # -------------------------------------------------------------- records

    def request(self, request_id: int) -> Request:
        with transaction(self.database.ops_engine) as session:
            return requests.get(session, request_id)

    def events(self, msg_type: str) -> list[dict[str, Any]]:
        with transaction(self.database.ops_engine) as session:
            wanted = select(Event.payload).where(Event.msg_type == msg_type).order_by(Event.id)
            return list(session.scalars(wanted))

    def rows(self, model: Any, **values: Any) -> list[Any]:
        with transaction(self.database.ops_engine) as session:
            return list(session.scalars(select(model).filter_by(**values)))

    def campaign(self, name: str) -> CampaignSweep:
        (row,) = self.rows(CampaignSweep, campaign=name)
        return row

    def datasets(self, campaign: str) -> dict[str, ProducedDataset]:
        return {row.name: row for row in self.rows(ProducedDataset, campaign=campaign)}

    def paths(self, campaign: str) -> dict[str, RequestedPath]:
        rows = self.rows(RequestedPath, campaign=campaign)
        return {row.path.removeprefix(f"{ROOT}/"): row for row in rows}

    def state(self, campaign: str) -> tuple[Any, ...]:
        """All that a sweep writes of a campaign, without the times."""
        found = self.datasets(campaign)
        ids = {row.id: name for name, row in found.items()}
        files = [row for row in self.rows(ProducedFile) if row.dataset_id in ids]
        matches = self.rows(PathMatch, campaign=campaign)
        return (
            {
                name: (d.file_count, d.rses, d.availability, d.owner_path)
                for name, d in found.items()
            },
            {(ids[row.dataset_id], row.name, row.size_bytes, row.adler32) for row in files},
            {suffix: row.finding for suffix, row in self.paths(campaign).items()},
            {(row.path, ids[row.dataset_id], row.rule, row.file_count) for row in matches},
        )


def without_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let provenance's Prefect tasks be the functions that they wrap: done once, here."""
    for module in (flow, *_TASKS):
        for name, value in list(vars(module).items()):
            if isinstance(value, Task):
                monkeypatch.setattr(module, name, value.fn)


@pytest.fixture
def sweeps(
    database: Database, grid: RunningGrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sweeps:
    """Sweeps of the session's Rucio into a fresh database."""
    made = Sweeps(database, grid, tmp_path)
    environment = {**grid.environment(), "SWF_TMP_DIR": str(tmp_path / "public")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    without_prefect(monkeypatch)
    monkeypatch.setattr(pcs, "ask_pcs", made.ask_pcs)
    return made
