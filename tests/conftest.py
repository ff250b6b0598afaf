"""Fixtures of all tiers: a real PostgreSQL, a migrated database each, the API in and over HTTP."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import URL, Engine, create_engine, make_url, text

from api import auth
from api.app import create_app
from deployments.stack.credentials import Credentials
from deployments.stack.stack import Stack
from flows.common.database import make_engine, transaction
from flows.common.settings import known_names, settings
from tests.grid import campaign, grid  # noqa: F401 - fixtures of every tier

hypothesis_settings.register_profile(
    "prodops", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("prodops")

_numbers = itertools.count(1)


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


@dataclass(frozen=True)
class Server:
    """The PostgreSQL of the test session, whose `prodops` database is the migrated template."""

    port: int
    credentials: Credentials

    def url(self, role: str, database: str) -> URL:
        return make_url(f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}")

    def admin(self) -> Engine:
        return create_engine(
            self.url("postgres", "postgres"),
            connect_args={"passfile": str(self.credentials.superuser)},
            isolation_level="AUTOCOMMIT",
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with Stack.temporary(parts=("postgres",)) as stack:
        yield Server(stack.settings.database.port, Credentials(stack.state_dir / "secrets"))


@dataclass(frozen=True)
class Database:
    """A fresh, migrated database, and the two roles' ways into it."""

    name: str
    ops_url: URL
    web_url: URL
    ops_passfile: Path
    web_passfile: Path
    ops_engine: Engine
    web_engine: Engine

    def create_token(self, owner: str = "tester") -> str:
        with transaction(self.ops_engine) as session:
            return auth.create_token(session, owner)


@pytest.fixture
def database(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A fresh database; this process's settings point to it, with the ops role's rights."""
    name = f"test_{next(_numbers)}"
    admin = postgres.admin()
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE prodops OWNER prodops_ops"))
    ops_url = postgres.url("prodops_ops", name)
    web_url = postgres.url("prodops_web", name)
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(ops_url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(postgres.credentials.ops))
    settings.cache_clear()
    ops_engine = make_engine(ops_url, passfile=postgres.credentials.ops)
    web_engine = make_engine(web_url, passfile=postgres.credentials.web)
    yield Database(
        name,
        ops_url,
        web_url,
        postgres.credentials.ops,
        postgres.credentials.web,
        ops_engine,
        web_engine,
    )
    ops_engine.dispose()
    web_engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


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
        config = uvicorn.Config(
            create_app(settings()), host="127.0.0.1", port=self.port, log_level="warning",
            proxy_headers=False, timeout_graceful_shutdown=1,
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
