"""Fixtures of every test of the API."""

from __future__ import annotations

import pytest

from api.http import access
from tests.conftest import ServedApi
from tests.support.mcp import Assistant


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an API process remembers of callers is soon asked for again."""
    monkeypatch.setattr(access, "_CACHE_SECONDS", 0.2)


@pytest.fixture
def assistant(served_api: ServedApi) -> Assistant:
    """An MCP client of the served API, with its token."""
    return Assistant(served_api.url, served_api.token)
