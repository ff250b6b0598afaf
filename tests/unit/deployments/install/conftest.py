"""Installations of this user alone, of files only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployments.install import plan, removal, running
from deployments.install.options import Options
from deployments.install.owners import current
from deployments.install.steps import Step


@pytest.fixture
def options(tmp_path: Path) -> Options:
    me = current().name
    return Options(prefix=tmp_path / "site", ops_user=me, web_user=me)


@pytest.fixture
def without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step asks a database, and no look is taken at the machine."""

    def files_only(manifest) -> list[Step]:
        kinds = ("directory", "secret", "settings", "unit")
        return [step for step in plan.steps_of(manifest) if step.key.startswith(kinds)]

    for module in (running, removal):
        monkeypatch.setattr(module, "steps_of", files_only)
    monkeypatch.setattr(running, "check", lambda options: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a power cut is not tried here
