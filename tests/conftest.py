"""Fixtures of all tiers: a real PostgreSQL, a migrated database each, the API in and over HTTP."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from api.http.app import equip, routed
from deployments.stack.credentials import Credentials
from deployments.stack.stack import Stack
from flows.common.settings import known_names, settings
from tests.databases import Database, Pool, Server
from tests.grid import campaign, grid  # noqa: F401 - fixtures of every tier

hypothesis_settings.register_profile(
    "prodops", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("prodops")

_routed = functools.cache(routed)  # 185 routes take 0.2 s: made once for all tests


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes made at collection may differ between the processes that share the tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Settings are read once a process; here, once a test."""
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> None:
    """A developer's own settings must not change what the tests see."""
    known = known_names()
    for name in list(os.environ):
        if name in known or name.startswith(("PRODOPS_", "SWF_", "FASTMON_", "ACTIVEMQ_")):
            del os.environ[name]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with Stack.temporary(parts=("postgres",)) as stack:
        yield Server(stack.settings.database.port, Credentials(stack.state_dir / "secrets"))


@pytest.fixture(scope="session")
def databases(postgres: Server) -> Pool:
    return Pool(postgres)


@pytest.fixture
def database(databases: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A fresh database; this process's settings point to it, with the ops role's rights."""
    fresh = Database.of(databases.server, databases.take())
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(fresh.ops_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(fresh.ops_passfile))
    settings.cache_clear()
    yield fresh
    fresh.dispose()
    databases.give_back(fresh.name)


class ServedApi:
    """The API over HTTP, in a thread of this process, with the web role's rights."""

    def __init__(self, token: str, port: int) -> None:
        self.token = token
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{settings().stack.root_path}"

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}

    def client(self, *, token: str | None = "own", timeout: float = 20) -> httpx.Client:
        headers = self.authorization if token == "own" else {}
        if token not in {None, "own"}:
            headers = {"Authorization": f"Token {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout)

    def start(self) -> None:
        app = _routed(settings().stack.root_path)
        equip(app, settings())
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="warning",
            proxy_headers=False, timeout_keep_alive=75, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the API did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(20)

    def restart(self) -> None:
        self.stop()
        self.start()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def served_api(
    database: Database, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> Iterator[ServedApi]:
    token = database.create_token()
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
