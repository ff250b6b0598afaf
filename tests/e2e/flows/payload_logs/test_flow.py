"""Payload logs end to end: worker, PanDA, Rucio, doors as processes; runs killed in each step."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.sandbox.grid.logs import make_log
from flows.common.models import Request
from flows.payload_logs import cache
from tests.e2e.conftest import Site
from tests.e2e.production import Production
from tests.grid import RunningGrid, require_grid
from tests.support.payload_logs.archives import STDOUT, archive
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

TASK = 4711
_numbers = itertools.count(7_000_001)


@dataclass(frozen=True)
class Logs:
    """A stack, its grid and its PanDA; jobs with logs, and what was fetched of them."""

    site: Site
    grid: RunningGrid
    panda: httpx.Client

    def job(self, content: bytes | None = None) -> int:
        """A job that PanDA and Rucio know; gives its id."""
        pandaid = next(_numbers)
        lfn = f"group.EIC.sim.log.{pandaid}.log.tgz"
        content = content or archive({"payload.stdout": STDOUT})
        make_log(self.grid, scope="group.EIC", lfn=lfn, content=content)
        body = {"panda_id": pandaid, "jedi_task_id": TASK, "log": ["group.EIC", lfn]}
        self.panda.post("jobs", json=body).raise_for_status()
        return pandaid

    def fetched(self, request_id: int) -> Request:
        return self.site.ended(request_id)

    def directory(self, pandaid: int) -> Path:
        return cache.directory_of(self.grid.settings.stack.tmp_dir, TASK, pandaid)

    def steps(self, request_id: int) -> list[str]:
        told = self.site.events(request_id=request_id, msg_type="payload_log_progress")
        return [str(each.payload["step"]) for each in told]

    def finals(self, request_id: int) -> list[str]:
        told = [each.msg_type for each in self.site.events(request_id=request_id)]
        return [each for each in told if each in {"payload_log_ready", "payload_log_failed"}]

    def left(self) -> list[Path]:
        private = (self.site.stack.state_dir / "payload-logs").glob("*")
        root = cache.root_of(self.grid.settings.stack.tmp_dir)
        return [*private, *root.glob(f"*/{cache.LEFT}*")]

    def copiers(self) -> list[Any]:
        found = []
        for run in self.site.runs():
            with suppress(psutil.NoSuchProcess):  # it ends as it is looked at
                found += [c for c in run.children() if c.status() != psutil.STATUS_ZOMBIE]
        return found


@pytest.fixture(scope="module")
def logs(shared_production: Production) -> Logs:
    require_grid()
    site = shared_production.site
    return Logs(site, RunningGrid(site.stack.settings, site.stack), shared_production.panda)


def test_a_log_that_is_asked_for_by_its_panda_id_is_published(logs: Logs) -> None:
    pandaid = logs.job()
    request = logs.fetched(logs.site.trigger("fetch_payload_log", pandaid=pandaid))
    assert (request.state, request.error) == ("completed", None)
    assert (logs.directory(pandaid) / "payload.stdout").read_bytes() == STDOUT
    assert logs.finals(request.id) == ["payload_log_ready"]
    assert logs.left() == []


def test_many_callers_at_once_share_one_fetch(logs: Logs) -> None:
    pandaid = logs.job()
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(
            lambda _: logs.site.trigger("fetch_payload_log", pandaid=pandaid, force=True), range(8)
        )
        (request_id,) = set(asked)
    assert logs.fetched(request_id).state == "completed"
    assert logs.steps(request_id).count("copy") == 1


def test_a_fetch_of_an_unknown_job_is_a_run_that_says_so(logs: Logs) -> None:
    request = logs.fetched(logs.site.trigger("fetch_payload_log", pandaid=17))
    assert (request.state, request.error) == ("failed", "job 17: PanDA knows no such job")

    def state() -> dict[str, str]:
        return logs.site.prefect.get(f"flow_runs/{request.flow_run_id}").json()["state"]

    wait_until(lambda: state()["name"] == "NotFound")
    assert "PanDA knows no such job" in state()["message"]
    assert logs.finals(request.id) == ["payload_log_failed"]


def test_a_fetch_is_cancelled_with_what_it_started(logs: Logs) -> None:
    pandaid = logs.job()
    with logs.grid.stalled("door"):
        request_id = logs.site.trigger("fetch_payload_log", pandaid=pandaid)
        wait_until(logs.copiers)
        logs.site.api.post(f"/api/requests/{request_id}/cancel/").raise_for_status()
        request = logs.fetched(request_id)
    assert request.state == "cancelled"
    wait_until(lambda: not logs.site.runs())
    assert logs.left() == []
    assert logs.finals(request_id) == ["payload_log_failed"]


HELD_UP: dict[str, Callable[[Logs], AbstractContextManager[None]]] = {
    "resolve": lambda logs: logs.grid.stalled("rucio"),
    "copy": lambda logs: logs.grid.stalled("door"),
    "unpack": lambda _: nullcontext(),
    "publish": lambda _: nullcontext(),
}


@pytest.fixture(scope="module")
def large() -> bytes:
    """A log that takes a while to unpack."""
    return archive({"payload.stdout": os.urandom(60_000_000), "pilotlog.txt": STDOUT}, level=0)


def wait_for_step(logs: Logs, request_id: int, step: str) -> None:
    """Without a pause: the step may be short."""
    wait_until(lambda: step in logs.steps(request_id), pause=0)


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=[pytest.mark.slow] if step != "copy" else []) for step in HELD_UP],
)
def test_a_run_that_is_killed_in_any_step_is_run_again_and_comes_out_right(
    logs: Logs, step: str, large: bytes
) -> None:
    pandaid = logs.job(large)
    with HELD_UP[step](logs):
        request_id = logs.site.trigger("fetch_payload_log", pandaid=pandaid)
        wait_for_step(logs, request_id, step)
        for run in logs.site.runs():
            run.kill()
    request = logs.fetched(request_id)
    assert request.state == "completed"
    # What nothing holds up may have ended before it is killed.
    assert request.attempts == 2 or step in {"unpack", "publish"}
    members = sorted(each.stat().st_size for each in logs.directory(pandaid).glob("p*"))
    assert members == [len(STDOUT), 60_000_000]
    assert logs.finals(request_id) == ["payload_log_ready"]
    assert logs.left() == []
    assert logs.copiers() == []
