"""Fixtures of all tiers: a real PostgreSQL, a migrated database each, the API in and over HTTP."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from api.http.app import equip, routed
from deployments.stack.credentials import Credentials
from flows.common.callers import DEFAULT, Scope
from flows.common.database import Limits
from flows.common.settings import Settings, known_names, settings, tree
from flows.common.settings.forms import ENV_FILE
from tests.broker import broker, own_broker, queue, topic
from tests.databases import Database, Pool, Server
from tests.declared_events import declared_events, event_problems
from tests.e2e.production import production, shared_production
from tests.grid import campaign, grid
from tests.schedule import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_itemcollected,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_xdist_make_scheduler,
)
from tests.stacks import running_stack
from tests.waiting import PATIENCE, wait_until
from tests.whole_stack import prefect_environment, whole_stack

__all__ = [  # hooks, and fixtures of every tier, that stand in modules of their own
    "broker", "campaign", "declared_events", "event_problems", "grid", "own_broker",
    "prefect_environment", "production", "pytest_addoption", "pytest_collection_modifyitems",
    "pytest_itemcollected", "pytest_runtest_logreport", "pytest_sessionfinish",
    "pytest_xdist_make_scheduler", "queue", "shared_production", "topic", "whole_stack",
]  # fmt: skip

# A machine under load answers late: no test is decided by httpx's own five seconds.
for part in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, part, PATIENCE)

hypothesis_settings.register_profile(
    "prodops", deadline=None, derandomize=True, max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
hypothesis_settings.register_profile(
    "thorough", hypothesis_settings.get_profile("prodops"), derandomize=False, max_examples=400
)
hypothesis_settings.load_profile("prodops")

_CURRENT_TEST = "PYTEST_CURRENT_TEST"
_routed = functools.cache(routed)  # 185 routes take 0.2 s: made once for all tests


def pytest_collection_finish() -> None:
    """What is collected stays: a full collection need not go through it, 0.3 s each time."""
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes made at collection may differ between the processes that share the tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Settings are read once a process; here, once a test."""
    settings.cache_clear()
    yield
    settings.cache_clear()


_load = tree.load
_loaded: dict[frozenset[tuple[str, str]], Settings] = {}


def _load_once() -> Settings:
    """The settings of this environment: to read them takes as long as many a test.

    A test that calls `load` itself has them read.
    """
    if Path(ENV_FILE).exists():
        return _load()
    environment = frozenset(item for item in os.environ.items() if item[0] != _CURRENT_TEST)
    if environment not in _loaded:
        _loaded[environment] = _load()
    return _loaded[environment]


tree.load = _load_once


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """A developer's own settings must not change what the tests see."""
    known = known_names()
    for name in list(os.environ):
        if name in known or name.startswith(("PRODOPS_", "SWF_", "FASTMON_", "ACTIVEMQ_")):
            del os.environ[name]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_stack(parts=("postgres",)) as stack:
        yield Server(stack.settings.database.port, Credentials(stack.state_dir / "secrets"))


@pytest.fixture(scope="session")
def databases(postgres: Server) -> Iterator[Pool]:
    pool = Pool(postgres)
    yield pool
    pool.close()


@pytest.fixture
def database(databases: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A fresh database; this process's settings point to it, with the ops role's rights."""
    fresh = databases.take()
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(fresh.ops_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(fresh.ops_passfile))
    settings.cache_clear()
    yield fresh
    databases.give_back(fresh)


class _Server(uvicorn.Server):
    """uvicorn that ends when it is told to, not at the next tenth of a second."""

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)  # the headers of every answer
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + 1
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > deadline:
                for task in self.server_state.tasks:
                    task.cancel()
                break
            await asyncio.sleep(0.005)
        # A thread cannot be cancelled: what it has begun would go on in the next test's database.
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        await self.lifespan.shutdown()


class ServedApi:
    """The API over HTTP, in a thread of this process, with the web role's rights."""

    def __init__(self, token: str, port: int) -> None:
        self.token = token
        self.port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{settings().stack.root_path}"

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}

    def client(self, *, token: str | None = "own", timeout: float = PATIENCE) -> httpx.Client:
        headers = self.authorization if token == "own" else {}
        if token not in {None, "own"}:
            headers = {"Authorization": f"Token {token}"}
        # No certificates: to read the system's takes longer than most requests.
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout, verify=False)

    def start(self) -> None:
        app = _routed(settings().stack.root_path)
        equip(app, settings())
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="warning",
            proxy_headers=False, timeout_keep_alive=75,
        )  # fmt: skip
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started, pause=0.002)

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.end()
        self._thread.join(PATIENCE)

    def restart(self) -> None:
        self.stop()
        self.start()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    """What the token of the served API permits; a module of tests may want more."""
    return DEFAULT


@pytest.fixture
def served_api(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    free_port: int,
    token_scopes: frozenset[Scope],
) -> Iterator[ServedApi]:
    token = database.create_token("tester", *token_scopes)

    def kept_engine(*, pool_size: int, limits: Limits) -> Engine:
        engine = database.engine("web", pool_size=pool_size, limits=limits)
        monkeypatch.setattr(engine, "dispose", lambda: None)
        return engine

    for module in ("app", "sessions"):
        monkeypatch.setattr(f"api.http.{module}.make_engine", kept_engine)
    monkeypatch.setenv("PRODOPS_API_TRUSTED_PROXIES", "127.0.0.1")
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(database.web_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(database.web_passfile))
    settings.cache_clear()
    served = ServedApi(token, free_port)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def api(served_api: ServedApi) -> Iterator[httpx.Client]:
    """A client of the API with a good token."""
    with served_api.client() as client:
        yield client
