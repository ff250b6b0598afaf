"""Fixed schedules of the chaos bench: five with every victim, twenty with every step and fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.submission.chaos import bench
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e

SEEDS = range(56, 76)
FIVE = (58, 60, 63, 66, 67)
OTHERS = tuple(seed for seed in SEEDS if seed not in FIVE)


@pytest.fixture
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases; they wait for the disk."""
    given = {**bench.SETTINGS, "PRODOPS_STATE_DIR": str(tmp_path / "state")}
    fill(temporary_settings(temporary_environment(given)), is_durable=True)
    monkeypatch.setattr(bench, "SETTINGS", given)


@pytest.mark.usefixtures("begun_stack")
@pytest.mark.slow
@pytest.mark.parametrize("seeds", [FIVE, OTHERS], ids=["five", "others"])
def test_no_schedule_loses_or_doubles_a_submission(seeds: tuple[int, ...]):
    report = bench.run(seeds)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["violations"] == 0, report.as_text()
    assert figures["schedules"] == len(seeds)
    assert figures["kills"] >= len(seeds) / 2


@pytest.mark.usefixtures("begun_stack")
@pytest.mark.slow
def test_nor_where_prefects_own_process_worker_runs_the_submissions():
    report = bench.run(FIVE[:4], pool="stock")
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["violations"] == 0, report.as_text()
