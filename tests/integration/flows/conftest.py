"""What the tests of all flows share."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.databases import Database
from tests.support.requests import THREADS


@pytest.fixture
def ops(database: Database) -> Engine:
    return database.engine("ops", pool_size=THREADS)


@pytest.fixture
def web(database: Database) -> Engine:
    return database.engine("web", pool_size=THREADS)
