"""Executions for the tests of their pages and their REST."""

from __future__ import annotations

import pytest

from flows.common.settings import settings
from tests.support.workflows import AT_ONCE, QUICK, Workflows


@pytest.fixture
def workflows(database) -> Workflows:
    """To be asked for before the API, which turns the settings to the web's role."""
    settings.cache_clear()
    return Workflows(database.ops_engine)


@pytest.fixture
def played(workflows) -> dict[str, object]:
    """The result of a workflow of three STFs, in namespace torre1."""
    return workflows.run(**AT_ONCE, stf_count=3, overrides=QUICK)


@pytest.fixture
def going(workflows) -> str:
    """Id of an execution in namespace torre2 that has begun, and sent nothing yet."""
    return workflows.begun(namespace="torre2")
