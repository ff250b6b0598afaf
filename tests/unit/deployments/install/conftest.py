"""Installations of this user alone, of files only."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.install import plan, removal, running
from deployments.install.database_server import Server
from deployments.install.options import Options
from deployments.install.owners import current
from deployments.install.steps import Step

NOWHERE = Server(url="postgresql://postgres@127.0.0.1:1/postgres")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    me = current().name
    return Options(prefix=tmp_path / "site", ops_user=me, web_user=me)


@pytest.fixture
def without_database(monkeypatch: pytest.MonkeyPatch) -> Server:
    """No step asks a database, and no look is taken at the machine."""

    def files_only(manifest, server) -> list[Step]:
        kinds = ("directory", "secret", "settings", "unit")
        return [step for step in plan.steps_of(manifest, server) if step.key.startswith(kinds)]

    for module in (running, removal):
        monkeypatch.setattr(module, "steps_of", files_only)
    monkeypatch.setattr(running, "check", lambda options: None)
    return NOWHERE
