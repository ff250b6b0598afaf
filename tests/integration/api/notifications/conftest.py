"""What the tests of notifications share: channels, and who asks."""

from __future__ import annotations

import pytest

from tests.pcs_client import Pcs
from tests.support.notifications import make_channels


@pytest.fixture(autouse=True)
def channels(database) -> None:
    make_channels(database.ops_engine)


@pytest.fixture
def task(api) -> Pcs:
    """A task `t1` that is recorded as 4711."""
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    return pcs
