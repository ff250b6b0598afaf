"""What the tests of notifications share: channels, and who asks."""

from __future__ import annotations

import pytest

from tests.support.notifications import make_channels


@pytest.fixture(autouse=True)
def channels(database) -> None:
    make_channels(database.ops_engine)
