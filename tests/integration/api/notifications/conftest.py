"""What the tests of notifications share: channels, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from flows.common.callers import Scope
from tests.support.notifications import make_channels

As = Callable[..., httpx.Client]


@pytest.fixture
def as_(served_api, database) -> Iterator[As]:
    """A client of a user with a token of these scopes; none: those that a new one has."""
    opened = []

    def client(name: str, *scopes: Scope) -> httpx.Client:
        opened.append(served_api.client(token=database.create_token(name, *scopes)))
        return opened[-1]

    yield client
    for each in opened:
        each.close()


@pytest.fixture(autouse=True)
def channels(database) -> None:
    make_channels(database.ops_engine)
