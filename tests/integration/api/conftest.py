"""Fixtures of every test of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from api.http import access
from flows.common.callers import Scope
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


@pytest.fixture
def as_(served_api, database) -> Iterator[Callable[..., httpx.Client]]:
    """A client of a user with a token of these scopes; none: those that a new one has."""
    opened = []

    def client(name: str, *scopes: Scope) -> httpx.Client:
        opened.append(served_api.client(token=database.create_token(name, *scopes)))
        return opened[-1]

    yield client
    for each in opened:
        each.close()
