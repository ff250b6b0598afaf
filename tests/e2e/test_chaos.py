"""Twenty fixed schedules of the chaos bench: every victim, step and kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.chaos import bench
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e

SEEDS = range(56, 76)


@pytest.fixture
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases; they wait for the disk."""
    given = {**bench.SETTINGS, "PRODOPS_STATE_DIR": str(tmp_path / "state")}
    fill(temporary_settings(temporary_environment(given)), is_durable=True)
    monkeypatch.setattr(bench, "SETTINGS", given)


@pytest.mark.usefixtures("begun_stack")
def test_no_schedule_loses_or_doubles_a_submission():
    report = bench.run(SEEDS)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["violations"] == 0, report.as_text()
    assert figures["schedules"] == len(SEEDS)
    assert figures["kills"] >= len(SEEDS) / 2
