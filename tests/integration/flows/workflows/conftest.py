"""What the tests of workflows share."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from flows.common.settings import settings
from tests.support.workflows import Workflows


@pytest.fixture
def workflows(ops: Engine) -> Workflows:
    settings.cache_clear()
    return Workflows(ops)
