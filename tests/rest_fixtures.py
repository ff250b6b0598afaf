"""A fresh database and a started API, until tests/conftest.py has them (its fixtures win)."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from sqlalchemy import URL, Engine, create_engine, make_url, text

from api.app import create_app
from flows.common import settings
from flows.common.database import migrate

SERVER = "PRODOPS_TEST_POSTGRES"


@dataclass(frozen=True)
class Database:
    """A migrated database, as both roles reach it."""

    ops_url: str
    web_url: str
    ops_engine: Engine
    web_engine: Engine


def _url(server: URL, name: str, user: str | None = None) -> str:
    url = server.set(drivername="postgresql+psycopg", database=name)
    return (url.set(username=user) if user else url).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template() -> Iterator[tuple[URL, str]]:
    if SERVER not in os.environ:
        pytest.skip(f"{SERVER} is not set")
    server, name = make_url(os.environ[SERVER]), f"template_{uuid.uuid4().hex[:8]}"
    admin = create_engine(_url(server, "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        migrate(_url(server, name))
        for role in ("prodops_ops", "prodops_web"):
            connection.execute(text(f"ALTER ROLE {role} LOGIN"))
        yield server, name
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(template: tuple[URL, str]) -> Iterator[Database]:
    server, source = template
    name = f"test_{uuid.uuid4().hex[:8]}"
    admin = create_engine(_url(server, "postgres"), isolation_level="AUTOCOMMIT")
    urls = [_url(server, name, role) for role in ("prodops_ops", "prodops_web")]
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source}"))
        engines = [create_engine(url) for url in urls]
        yield Database(urls[0], urls[1], engines[0], engines[1])
        for engine in engines:
            engine.dispose()
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def api(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.delenv(SERVER)  # the settings refuse names of theirs that they do not know
    monkeypatch.setenv("PRODOPS_DATABASE_URL", database.web_url)
    settings.settings.cache_clear()
    app = create_app(settings.settings())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(timeout=10)
    settings.settings.cache_clear()
