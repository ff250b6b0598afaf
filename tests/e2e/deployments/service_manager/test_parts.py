"""What each part says over a real NOTIFY_SOCKET, and when its watchdog is no longer fed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import make_url, text

from tests.databases import Database
from tests.e2e.conftest import Site
from tests.support.service_managers import FakeSystemd, Wire, fake_systemd, part_of
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # each starts a part of its own

PERIOD_SECONDS = 15.0  # above the longest of the rounds, which are of 5 s
Environment = Callable[..., dict[str, str]]


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[FakeSystemd]:
    with fake_systemd(tmp_path) as heard:
        yield heard


# ------------------------------------------------------------------ parts that need a stack


@contextmanager
def second_worker(
    site: Site, systemd: FakeSystemd, tmp_path: Path, **given: str
) -> Iterator[psutil.Process]:
    """Another worker of the stack, with leases of two seconds' rounds."""
    environment = {
        **site.stack.environment("ops"),
        **systemd.environment(PERIOD_SECONDS),
        "PRODOPS_WORKER_NAME": "second",
        "PRODOPS_WORKER_LEASE_SECONDS": "6",
        **given,
    }
    with part_of(["worker"], environment, tmp_path / "worker.log") as process:
        wait_until(lambda: systemd.values("READY"))
        yield psutil.Process(process.pid)


def test_a_worker_whose_guardian_hangs_is_not_fed_though_its_loop_goes_on(
    site: Site, systemd: FakeSystemd, tmp_path: Path
):
    with second_worker(site, systemd, tmp_path) as worker:
        assert systemd.feeds_within(PERIOD_SECONDS)
        assert systemd.values("STATUS")[-1] == "runs 0 requests"
        [guardian] = worker.children()
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & guardian.environ().keys()
        guardian.suspend()
        # It may have answered just before.
        assert not all(systemd.feeds_within(PERIOD_SECONDS) for _ in range(2))
        guardian.resume()
        assert systemd.feeds_within(PERIOD_SECONDS)
        worker.terminate()
        wait_until(lambda: systemd.values("STOPPING"))
        wait_until(lambda: not guardian.is_running())


def test_a_worker_whose_database_is_away_or_silent_is_fed(
    site: Site, systemd: FakeSystemd, tmp_path: Path
):
    url = make_url(site.stack.environment("ops")["PRODOPS_DATABASE_URL"])
    assert url.port is not None
    wire = Wire(url.port)
    wire.open()
    given = {"PRODOPS_DATABASE_URL": str(url.set(port=wire.port))}
    with second_worker(site, systemd, tmp_path, **given):
        for disturb in (wire.cut, wire.open, wire.fall_silent):
            disturb()
            for _ in range(3):
                assert systemd.feeds_within(PERIOD_SECONDS), disturb.__name__


@pytest.mark.parametrize(
    ("part", "zone", "status"),
    [
        ("relay", "ops", "relays Prefect's states"),
        ("notifier", "ops", "stands by: another notifier works on this database; this waits"),
        ("scanner", "ops", "scans"),
        ("prefect", "ops", "serves"),
        ("api", "web", "serves"),
    ],
)
def test_a_part_says_that_it_is_ready_what_it_does_that_it_goes_on_and_that_it_ends(
    site: Site,
    systemd: FakeSystemd,
    tmp_path: Path,
    free_port: int,
    *,
    part: str,
    zone: str,
    status: str,
):
    watched = tmp_path / "watched"
    watched.mkdir()
    environment = {
        **site.stack.environment(zone),
        **systemd.environment(PERIOD_SECONDS),
        f"PRODOPS_{'PREFECT' if part == 'prefect' else 'API'}_PORT": str(free_port),
        "PRODOPS_FASTMON_WATCH_DIRS": str(watched),
    }
    if part == "prefect":
        del environment["PRODOPS_DATABASE_PASSFILE"]  # has no line for Prefect's role
    with part_of([part], environment, tmp_path / "part.log") as process:
        wait_until(lambda: systemd.values("READY"))
        assert systemd.feeds_within(PERIOD_SECONDS)
        wait_until(lambda: systemd.values("STATUS")[-1] == status)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in {0, -signal.SIGTERM}  # uvicorn ends by the signal
    assert systemd.values("STOPPING") == ["1"]


# ------------------------------------------------------------------ parts that need a database


@pytest.fixture
def environment(database: Database, tmp_path: Path, systemd: FakeSystemd) -> Environment:
    """The environment of a part of a role, on the test's database by the port that is given."""

    def of(role: str, port: int | None = None) -> dict[str, str]:
        url = getattr(database, f"{role}_url")
        return {
            **systemd.environment(PERIOD_SECONDS),
            "PRODOPS_STATE_DIR": str(tmp_path / "state"),
            "PRODOPS_DATABASE_URL": str(url.set(port=port or url.port)),
            "PRODOPS_DATABASE_PASSFILE": str(getattr(database, f"{role}_passfile")),
        }

    return of


def test_a_start_without_the_database_asks_for_time_and_an_outage_is_no_hang(
    database: Database, environment: Environment, systemd: FakeSystemd, tmp_path: Path
):
    assert database.ops_url.port is not None
    wire = Wire(database.ops_url.port)
    with part_of(["notifier"], environment("ops", wire.port), tmp_path / "notifier.log"):
        assert int(systemd.await_next("EXTEND_TIMEOUT_USEC")) >= 30e6
        assert systemd.values("STATUS")[-1] == "waits for the database"
        assert systemd.values("READY") == []
        wire.open()
        wait_until(lambda: systemd.values("READY"))
        for disturb in (wire.cut, wire.open, wire.fall_silent):
            disturb()
            for _ in range(3):
                assert systemd.feeds_within(PERIOD_SECONDS), disturb.__name__
    assert any(each.startswith("database away") for each in systemd.values("STATUS"))


def test_an_api_whose_threads_all_hang_is_not_fed_though_its_loop_answers(
    database: Database,
    environment: Environment,
    systemd: FakeSystemd,
    tmp_path: Path,
    free_port: int,
):
    given = {
        **environment("web"),
        "PRODOPS_API_PORT": str(free_port),
        "PRODOPS_DATABASE_POOL_SIZE": "40",
        "PRODOPS_API_STATEMENT_SECONDS": "600",
    }
    with part_of(["api"], given, tmp_path / "api.log"):
        wait_until(lambda: systemd.values("READY"))
        assert systemd.feeds_within(PERIOD_SECONDS)
        with threads_that_hang(database, free_port):
            assert not all(systemd.feeds_within(PERIOD_SECONDS) for _ in range(2))
            assert httpx.get(f"http://127.0.0.1:{free_port}/api/health/").status_code == 200
        assert systemd.feeds_within(PERIOD_SECONDS)


@contextmanager
def threads_that_hang(database: Database, port: int) -> Iterator[None]:
    """More readers than the API has threads wait for a table that is locked."""

    def read() -> None:
        with suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/api/requests/", timeout=PATIENCE)

    readers = [threading.Thread(target=read) for _ in range(60)]
    with database.ops_engine.begin() as connection:
        connection.execute(text("LOCK TABLE request IN ACCESS EXCLUSIVE MODE"))
        for reader in readers:
            reader.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: connection.scalar(waiting) >= 40)
        yield
    for reader in readers:
        reader.join(PATIENCE)
