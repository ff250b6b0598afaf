"""A stack whose actions another pool runs, Prefect's own process worker in that pool, and its runs.

The pool's runs get no more than docs/how-to/use-another-pool.md asks for: outside services come
from blocks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deployments.bench.common.process_worker import ProcessWorker, environment, process_worker
from flows.common import handovers
from flows.common.models import Request, RequestState
from tests.e2e import probe_flows
from tests.e2e.conftest import Site
from tests.e2e.production import Production, production_of
from tests.stacks import running_stack
from tests.waiting import PATIENCE, wait_until

POOL = "elsewhere"
DOCUMENTED = (
    "PRODOPS_DATABASE_URL",
    "PRODOPS_DATABASE_PASSFILE",
    "PRODOPS_STATE_DIR",
)
STACK = {
    "PRODOPS_PREFECT_POOLS": f"*={POOL}",
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.3",
    "PRODOPS_RELAY_REST_SECONDS": "3",
}
"""Lease, grace and limits are the defaults: the how-to's bounds are of those."""
POLL_SECONDS = 2.0
_SITE = Path(probe_flows.__file__).parent / "other_pools"
_ROOT = Path(probe_flows.__file__).parents[3]


@dataclass
class Elsewhere:
    """The pool, seen from outside."""

    production: Production
    worker: ProcessWorker
    environment: dict[str, str]

    @property
    def site(self) -> Site:
        return self.production.site

    @property
    def log(self) -> str:
        """What the pool's worker and its runs have written."""
        return (self.site.stack.state_dir / POOL / "log").read_text()

    @contextmanager
    def misbehaving(self, does: str, **wanted: Any) -> Iterator[None]:
        """Have the runs of check_pipeline that start meanwhile do so before their work.

        Args:
            does: Name of a function of `tests.e2e.probe_flows.elsewhere`.
            wanted: `limit_seconds`: the action's time limit in that process; `environment`: what
                is changed there.
        """
        probe = Path(self.environment["PROBE"])
        probe.write_text(json.dumps({"does": does, **wanted}))
        try:
            yield
        finally:
            probe.unlink()

    def started(self, does: str, **wanted: Any) -> tuple[Request, psutil.Process]:
        """A request whose run does so, and the process that holds it."""
        with self.misbehaving(does, **wanted):
            request = self.site.running(self.site.trigger("check_pipeline"))
        return request, self.process_of(request)

    def process_of(self, request: Request) -> psutil.Process:
        """The process that holds a request."""
        assert str(request.worker).startswith(handovers.holder(POOL)), request.worker
        return psutil.Process(int(str(request.worker).rpartition(":")[2]))

    def process_for(self, request: Request) -> subprocess.Popen[bytes]:
        """A process of the request's run, as Prefect's worker starts it."""
        command = [sys.executable, "-m", "prefect.engine", str(request.flow_run_id)]
        return subprocess.Popen(command, env=self.environment)

    def present_worker(self) -> psutil.Process:
        """The process of Prefect's worker; a killed one is started again."""
        return wait_until(lambda: self.worker.process)


@contextmanager
def handing_over(more: Mapping[str, str]) -> Iterator[Production]:
    """A stack of its own that hands every request over to the pool, with more settings."""
    with running_stack({**STACK, **more}) as stack, production_of(stack) as production:
        yield production


@contextmanager
def elsewhere_of(more: Mapping[str, str]) -> Iterator[Elsewhere]:
    """A stack of its own with the pool, whose deployments are in it.

    Args:
        more: Settings of the stack and of the pool's runs besides.
    """
    with handing_over(more) as production:
        stack = production.site.stack
        given = {name: stack.environment("ops")[name] for name in DOCUMENTED}
        given |= more
        given |= {"PYTHONPATH": os.fspath(_SITE), "PROBE_ROOT": os.fspath(_ROOT)}
        given["PROBE"] = os.fspath(stack.state_dir / "probe")
        with process_worker(stack, POOL, given, poll_seconds=POLL_SECONDS) as worker:
            known = environment(stack, stack.state_dir / POOL, poll_seconds=POLL_SECONDS)
            wait_until(lambda: is_in_pool(production.site), PATIENCE, pause=0.5)
            yield Elsewhere(production, worker, known | given)


def documented_seconds(what: str) -> float:
    """The bound that the how-to's table has for what happens: its first number of seconds."""
    how_to = (_ROOT / "docs/how-to/use-another-pool.md").read_text()
    [row] = [each for each in how_to.splitlines() if each.startswith(f"| {what}")]
    bound = re.search(r"(\d+) s", row.split("|")[-2])
    assert bound is not None, row
    return float(bound[1])


def is_in_pool(site: Site) -> bool:
    """Whether the deployments are in the pool by now."""
    path = "/deployments/name/check-pipeline/check_pipeline"
    answer = site.prefect.get(path)
    return answer.is_success and answer.json()["work_pool_name"] == POOL


def request_with_a_run(site: Site, request_id: int) -> Request:
    """A request that waits for its process, once it has a run."""

    def has_run() -> bool:
        request = site.request(request_id)
        return request.state == RequestState.CLAIMED and request.flow_run_id is not None

    wait_until(has_run)
    return site.request(request_id)
