"""The command as an operator gives it, on a database of the test's own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from deployments import access, cli
from tests.databases import Database

Command = Callable[..., Any]


@pytest.fixture
def prodops(database: Database) -> Iterator[Command]:
    """Give a command that ends well; gives its JSON, else its text."""
    access.ops_engine.cache_clear()

    def give(line: str, *, fails: str = "") -> Any:
        result = CliRunner().invoke(cli.app, shlex.split(line))
        if fails:
            assert fails in str(result.exception), result.output
            return None
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout) if "--json" in line else result.output

    yield give
    access.ops_engine().dispose()
    access.ops_engine.cache_clear()
