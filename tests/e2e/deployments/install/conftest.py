"""Installations for the tests of `prodops install`: made as root, for two users of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.deployments.install.taken_over import TakenOver, engine_of
from tests.support.bare_postgres import BarePostgres, bare_postgres
from tests.support.installation import Installation, everyones_environment, prepared
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def bin_dir() -> Iterator[Path]:
    with everyones_environment() as found:
        yield found


@pytest.fixture(scope="session")
def bare_server() -> Iterator[BarePostgres]:
    with bare_postgres() as server:
        yield server


@pytest.fixture
def site(bin_dir: Path, bare_server: BarePostgres) -> Iterator[Installation]:
    """Where nothing is installed yet."""
    with prepared(bin_dir, bare_server) as site:
        yield site


@pytest.fixture(scope="session")
def running(bin_dir: Path) -> Iterator[Installation]:
    """An installation whose parts run as their users; the tests share it."""
    with bare_postgres() as server, prepared(bin_dir, server) as site:
        done = site.install()
        assert done.returncode == 0, done.stderr
        site.edit()
        for part in ("prefect", "api", "relay", "worker"):
            site.start(part)
        wait_until(lambda: answers(site, f"http://127.0.0.1:{site.api_port}/api/health/"))
        wait_until(lambda: answers(site, f"http://127.0.0.1:{site.prefect_port}/api/health"))
        yield site


def answers(site: Installation, url: str) -> bool:
    site.check_alive()
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def taken(running: Installation) -> Iterator[TakenOver]:
    engines = [engine_of(path) for path in (running.places.web_env, running.places.ops_env)]
    yield TakenOver(running, *engines)
    for engine in engines:
        engine.dispose()


@pytest.fixture
def name() -> str:
    return f"user-{uuid.uuid4().hex[:8]}"
