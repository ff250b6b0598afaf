"""Installations for the tests of `prodops install`: made as root, for two users of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bare_postgres import BarePostgres, bare_postgres
from tests.support.installation import Installation, everyones_environment, prepared


@pytest.fixture(scope="session")
def bin_dir() -> Iterator[Path]:
    with everyones_environment() as found:
        yield found


@pytest.fixture(scope="session")
def bare_server() -> Iterator[BarePostgres]:
    with bare_postgres() as server:
        yield server


@pytest.fixture
def site(bin_dir: Path, bare_server: BarePostgres) -> Iterator[Installation]:
    """Where nothing is installed yet."""
    with prepared(bin_dir, bare_server) as site:
        yield site
