"""What the tests of production tasks' pages share: who looks, and a task on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from flows.common.settings import settings
from tests.databases import Database
from tests.pcs_client import Pcs
from tests.support.task_pages import OpsSide


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


@pytest.fixture
def reader(served_api) -> Iterator[httpx.Client]:
    """A browser that has not been here before, and keeps no cookie."""
    with served_api.client(token=None) as browser:
        yield browser


@pytest.fixture
def ops_side(database: Database) -> OpsSide:
    return OpsSide(database.ops_engine)


@pytest.fixture
def asked(pcs: Pcs) -> Pcs:
    """A task `t1` whose submission was asked for."""
    pcs.make_ready("t1", sample="")
    pcs.submit("t1")
    return pcs


@pytest.fixture
def recorded(pcs: Pcs) -> Pcs:
    """A task `t1` that is recorded as 4711."""
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    return pcs


@pytest.fixture
def restart(served_api) -> Callable[[], None]:
    """Starts the API again, with the settings of this moment."""

    def restart() -> None:
        settings.cache_clear()
        served_api.restart()

    return restart
