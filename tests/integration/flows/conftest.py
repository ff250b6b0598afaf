"""What the tests of all flows share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from flows.common.database import make_engine
from tests.databases import Database
from tests.support.requests import THREADS


@pytest.fixture
def ops(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


@pytest.fixture
def web(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.web_url, passfile=database.web_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()
