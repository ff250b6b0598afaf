"""Fetches of payload logs without a worker: a request, its flow's tasks, and what came of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from deployments.sandbox.grid.logs import make_log
from flows.common import claiming, claims, requests
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.common.settings import settings
from flows.payload_logs import cache, flow
from flows.payload_logs.actions import FETCH_PAYLOAD_LOG, FetchPayloadLog
from flows.payload_logs.errors import FetchFailed
from flows.payload_logs.models import PayloadLog
from tests.databases import Database
from tests.grid import RunningGrid

SCOPE = "group.EIC"
TASK = 4711
STDOUT = b"epic reconstruction begins\nall events done\n"
PILOT = b"pilot ends\n"
MEMBERS = {"payload.stdout": STDOUT, "tarball_PandaJob/pilotlog.txt": PILOT, "job.json": b"{}"}

QUICK = {
    "PRODOPS_XROOTD_CONNECTION_WINDOW_SECONDS": "1",
    "PRODOPS_XROOTD_REQUEST_TIMEOUT_SECONDS": "2",
    "PRODOPS_XROOTD_STREAM_TIMEOUT_SECONDS": "2",
    "PRODOPS_XROOTD_STALL_SECONDS": "2",
    "PRODOPS_XROOTD_COPY_SECONDS": "6",
    "PRODOPS_PAYLOAD_LOGS_TIMEOUT_SECONDS": "20",
}
TASKS = ("find_log", "copy_log", "publish_log")
_numbers = itertools.count(6_000_001)


@dataclass(frozen=True)
class Fetches:
    """What a caller asks for, and what the records and the cache then say."""

    database: Database
    grid: RunningGrid
    root: Path

    @property
    def tmp_dir(self) -> Path:
        return self.root / "public"

    def job(self, members: Mapping[str, bytes] | None = None, **more: Any) -> dict[str, Any]:
        """A job whose log is in the catalogue and at its doors: what a caller knows of it."""
        pandaid = next(_numbers)
        lfn = f"group.EIC.sim.log.{TASK}.{pandaid}.log.tgz"
        if "content" not in more:
            more["members"] = MEMBERS if members is None else members
        make_log(self.grid, scope=SCOPE, lfn=lfn, **more)
        return {"pandaid": pandaid, "jeditaskid": TASK, "scope": SCOPE, "lfn": lfn}

    def ask(self, **order: Any) -> requests.Accepted:
        form = FetchPayloadLog(**order)
        with transaction(self.database.ops_engine) as session:
            return requests.accept(
                session, FETCH_PAYLOAD_LOG, form, caller=on_ops_side("me"), source="page"
            )

    def claim(self, *, lease_seconds: float = 60.0) -> Claim:
        with transaction(self.database.ops_engine) as session:
            (claimed,) = claiming.claim(session, worker="w", limit=1, lease_seconds=lease_seconds)
        return Claim(claimed.id, claimed.attempts)

    def set(self, monkeypatch: pytest.MonkeyPatch, **changed: object) -> None:
        """Change settings, by their names without the prefix."""
        for name, value in changed.items():
            monkeypatch.setenv(f"PRODOPS_{name.upper()}", str(value))
        settings.cache_clear()

    def fail(self, **order: Any) -> str:
        """Ask for a log that cannot be had; gives the reason, as it is announced."""
        attempts = len(self.events("payload_log_failed"))
        with pytest.raises(FetchFailed) as failed:
            self.run(**order)
        reason = str(failed.value)
        request = self.request()
        assert (request.state, request.error) == ("failed", reason)
        failures = self.events("payload_log_failed")
        assert len(failures) == attempts + 1
        assert (failures[-1]["pandaid"], failures[-1]["reason"]) == (str(order["pandaid"]), reason)
        assert self.left() == []
        return reason

    def run(self, **order: Any) -> dict[str, Any]:
        """Ask for a log, and do what the worker then does."""
        self.ask(**order)
        return self.work(self.claim(), **order)

    def work(self, claim: Claim, **order: Any) -> dict[str, Any]:
        """Do what the run of an attempt does."""
        claims.hold(claim)
        try:
            result: dict[str, Any] = flow.fetch_payload_log.fn(**order)
        finally:
            claims.hold(None)
        return result

    def row(self, order: Mapping[str, Any]) -> PayloadLog:
        with transaction(self.database.ops_engine) as session:
            return session.get_one(PayloadLog, order["pandaid"])

    def noted(self, order: Mapping[str, Any], **values: Any) -> None:
        """Let the row say something else."""
        with transaction(self.database.ops_engine) as session:
            written = update(PayloadLog).where(PayloadLog.pandaid == order["pandaid"])
            session.execute(written.values(**values))

    def request(self) -> Request:
        """The newest."""
        with transaction(self.database.ops_engine) as session:
            newest = select(Request).order_by(Request.id.desc()).limit(1)
            return session.scalars(newest).one()

    def events(self, msg_type: str) -> list[dict[str, Any]]:
        with transaction(self.database.ops_engine) as session:
            wanted = select(Event.payload).where(Event.msg_type == msg_type).order_by(Event.id)
            return list(session.scalars(wanted))

    def steps(self) -> list[str]:
        return [each["step"] for each in self.events("payload_log_progress")]

    def directory(self, order: Mapping[str, Any]) -> Path:
        return cache.directory_of(self.tmp_dir, TASK, order["pandaid"])

    def files(self, order: Mapping[str, Any]) -> dict[str, bytes]:
        """The members in the cache."""
        found = self.directory(order).iterdir()
        return {each.name: each.read_bytes() for each in found if each.name[0] != "."}

    def left(self) -> list[str]:
        """What no ended fetch may leave: private directories and copies."""
        private = (settings().stack.state_dir / "payload-logs").glob("*")
        public = cache.root_of(self.tmp_dir).glob(f"*/{cache.LEFT}*")
        return sorted(str(each) for each in (*private, *public))


@pytest.fixture
def fetches(
    database: Database, grid: RunningGrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Fetches:
    """Fetches from the session's grid, with short limits and a cache of their own."""
    for name in TASKS:  # without Prefect: the functions that its tasks wrap
        monkeypatch.setattr(flow, name, getattr(flow, name).fn)
    made = Fetches(database, grid, tmp_path)
    paths = {"PRODOPS_STATE_DIR": str(tmp_path / "state"), "PRODOPS_TMP_DIR": str(made.tmp_dir)}
    for name, value in (grid.environment() | QUICK | paths).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return made
