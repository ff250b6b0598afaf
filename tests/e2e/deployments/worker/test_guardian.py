"""The guardian ends whatever a run does: hangs, ignores signals, leaves children behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from deployments.worker import session
from deployments.worker.guardian_client import GuardianClient
from deployments.worker.protocol import Ended, EndReason, Intent, Start
from tests.e2e.conftest import Site, is_alive
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("ops_environment")]

ROOT = Path(__file__).parents[4]
PROBES = "tests.e2e.probe_flows.stubborn"
GRACE_SECONDS = 0.5


@dataclass
class Probe:
    """A run of a probe flow under a guardian of the test's."""

    guard: GuardianClient
    site: Site
    report: Path
    flow_run: dict[str, Any]
    ending: asyncio.Task[Ended]

    async def pids(self) -> list[int]:
        """The processes that the flow said it has."""
        await asyncio.to_thread(wait_until, self.report.exists)
        return [int(pid) for pid in self.report.read_text().split()]

    async def end(self) -> Ended:
        async with asyncio.timeout(PATIENCE):
            return await self.ending

    def stop(self, intent: Intent = Intent.CANCEL) -> None:
        self.guard.stop(self.flow_run["id"], intent, GRACE_SECONDS)

    @property
    def state(self) -> str:
        return self.site.run_state(self.flow_run["id"])


@pytest.fixture
def ops_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a worker of the stack has in its environment: the guardian inherits it."""
    environment = site.stack.environment("ops")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield
    session.kill_leftovers(name_of(site))


def name_of(site: Site) -> str:
    return f"{site.stack.state_dir}:probes"


@asynccontextmanager
async def guarding(site: Site) -> AsyncIterator[GuardianClient]:
    guard = await GuardianClient.start(name_of(site))
    try:
        yield guard
    finally:
        await guard.close()


@asynccontextmanager
async def probing(
    site: Site, where: Path, flow: str, timeout_seconds: float = 60.0
) -> AsyncIterator[Probe]:
    async with guarding(site) as guard:
        yield start(guard, site, where, flow, timeout_seconds)


def start(
    guard: GuardianClient,
    site: Site,
    where: Path,
    flow: str,
    timeout_seconds: float = 60.0,
    *,
    nice: int = 0,
) -> Probe:
    """Start a run of a probe flow, as the worker does: created, then Pending, then its process."""
    flow_id = site.ask("POST", "/flows/", name=flow.replace("_", "-"))["id"]
    report = where / flow
    parameters = {"report": str(report)}
    pending = {"type": "PENDING", "name": "Pending"}
    run = site.ask("POST", "/flow_runs/", flow_id=flow_id, parameters=parameters, state=pending)
    order = Start(
        run=run["id"],
        flow_run=run,
        entrypoint=f"{PROBES}:{flow}",
        request_id=0,
        attempt=0,
        timeout_seconds=timeout_seconds,
        grace_seconds=GRACE_SECONDS,
        nice=nice,
    )
    return Probe(guard, site, report, run, asyncio.ensure_future(guard.run(order)))


@pytest.mark.slow
def test_a_run_that_ends_is_told_with_its_code(site: Site, tmp_path: Path):
    async def probe() -> None:
        async with probing(site, tmp_path, "end_at_once") as run:
            end = await run.end()
            assert (end.is_completed, run.state) == (True, "Completed")

    asyncio.run(probe())


@pytest.mark.slow
def test_a_flow_that_fails_ends_as_failed(site: Site, tmp_path: Path):
    async def probe() -> None:
        async with probing(site, tmp_path, "fail") as run:
            assert (await run.end()).reason is EndReason.EXITED
            assert run.state == "Failed"

    asyncio.run(probe())


@pytest.mark.slow
def test_a_run_that_hangs_in_a_c_call_is_killed_at_its_time(site: Site, tmp_path: Path):
    async def probe() -> None:
        async with probing(site, tmp_path, "hang_in_c", timeout_seconds=3) as run:
            (pid,) = await run.pids()
            end = await run.end()
            assert (end.reason, end.exit_code) == (EndReason.TIMED_OUT, -signal.SIGKILL)
            assert not is_alive(pid)
            # What it called until then is known all the same.
            [calls] = end.calls
            assert (calls.system, calls.outcome, calls.times.number) == ("panda", "timeout", 1)

    asyncio.run(probe())


def nice_of_session(pid: int) -> int | None:
    """That of the session of a process; None: this kernel does not group processes by session."""
    group = Path(f"/proc/{pid}/autogroup")
    told = group.read_text() if group.exists() else ""
    return int(told.split()[-1]) if told else None


@pytest.mark.slow
@pytest.mark.parametrize("nice", [0, 5, 10])
def test_a_run_leaves_the_processor_to_other_processes_and_to_other_sessions(
    site: Site, tmp_path: Path, nice: int
):
    async def probe() -> None:
        async with guarding(site) as guard:
            run = start(guard, site, tmp_path, "hang_in_c", 3, nice=nice)
            (pid,) = await run.pids()
            assert psutil.Process(pid).nice() == psutil.Process().nice() + nice
            assert nice_of_session(pid) in {None, psutil.Process().nice() + nice}
            await run.end()

    asyncio.run(probe())


@pytest.mark.parametrize(
    "reason", [EndReason.TIMED_OUT, pytest.param(EndReason.STOPPED, marks=pytest.mark.slow)]
)
def test_what_ignores_sigterm_dies_with_its_children_in_any_process_group(
    site: Site, tmp_path: Path, reason: EndReason
):
    async def probe() -> None:
        flow, seconds = "ignore_sigterm_with_children", 3 if reason is EndReason.TIMED_OUT else 60
        async with probing(site, tmp_path, flow, timeout_seconds=seconds) as run:
            pids = await run.pids()
            if reason is EndReason.STOPPED:
                run.stop()
            end = await run.end()
            assert end.reason is reason
            assert not any(is_alive(pid) for pid in pids)
            assert len(pids) == 3

    asyncio.run(probe())


@pytest.mark.slow
def test_a_run_is_over_only_when_the_child_that_it_left_is_dead(site: Site, tmp_path: Path):
    async def probe() -> None:
        async with probing(site, tmp_path, "leave_a_child_behind") as run:
            _, child = await run.pids()
            end = await run.end()
            assert end.is_completed
            assert not is_alive(child)

    asyncio.run(probe())


def test_nothing_of_a_run_outlives_a_worker_that_is_gone(site: Site, tmp_path: Path):
    async def probe() -> list[int]:
        async with probing(site, tmp_path, "ignore_sigterm_with_children") as run:
            pids = await run.pids()
            run.ending.cancel()
            return pids

    pids = asyncio.run(probe())
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.slow
def test_nothing_of_a_run_outlives_a_guardian_that_was_killed(site: Site, tmp_path: Path):
    async def probe() -> None:
        async with probing(site, tmp_path, "ignore_sigterm_with_children") as run:
            pids = await run.pids()
            os.kill(guardian_pid(run.guard), signal.SIGSTOP)
            run.stop()  # something that it has not read when it dies
            os.kill(guardian_pid(run.guard), signal.SIGKILL)
            assert (await run.end()).reason is EndReason.LOST
            assert run.guard.lost.is_set()
            await asyncio.to_thread(wait_until, lambda: not any(map(is_alive, pids)))

    asyncio.run(probe())


@pytest.mark.slow
def test_what_escaped_is_killed_when_the_next_guardian_starts(site: Site, tmp_path: Path):
    async def leave() -> list[int]:
        async with probing(site, tmp_path, "leave_a_session_behind") as run:
            pids = await run.pids()
            run.stop()
            await run.end()
            return pids

    async def begin() -> None:
        async with guarding(site):
            pass

    leader, escaped = asyncio.run(leave())
    assert (is_alive(leader), is_alive(escaped)) == (False, True)
    asyncio.run(begin())
    wait_until(lambda: not is_alive(escaped))


@pytest.mark.slow
def test_the_guardian_is_one_thread_and_holds_no_connection(site: Site):
    async def look() -> tuple[int, list[Any]]:
        async with guarding(site) as guard:
            process = psutil.Process(guardian_pid(guard))
            return process.num_threads(), process.net_connections("inet")

    assert asyncio.run(look()) == (1, [])


@pytest.mark.slow
def test_neither_guardian_nor_run_nor_its_children_show_prefects_password(
    site: Site, tmp_path: Path
):
    environment = site.stack.environment("ops")
    password = Path(environment["PRODOPS_PREFECT_PASSWORD_FILE"]).read_text().strip()

    async def probe() -> list[dict[str, str]]:
        async with probing(site, tmp_path, "ignore_sigterm_with_children") as run:
            pids = [guardian_pid(run.guard), *await run.pids()]
            assert run.state == "Running"  # Prefect took the password
            found = [psutil.Process(pid).environ() for pid in pids]
            run.stop()
            await run.end()
            return found

    shown = asyncio.run(probe())
    assert all("PRODOPS_PREFECT_PASSWORD_FILE" in each for each in shown)
    assert not [name for each in shown for name, value in each.items() if password in value]


def guardian_pid(guard: GuardianClient) -> int:
    return guard._process.pid
