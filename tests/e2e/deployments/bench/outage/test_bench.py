"""Two schedules of the outage bench: a database that refuses writes, and a pool that is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.outage import bench
from deployments.bench.outage.schedules import Kind, draw
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e

SEEDS = [
    next(seed for seed in range(1, 41) if draw(seed).kind is kind)
    for kind in (Kind.READ_ONLY, Kind.POOL_DELETED)
]


@pytest.fixture
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases; they wait for the disk."""
    given = {**bench.SETTINGS, "PRODOPS_STATE_DIR": str(tmp_path / "state")}
    fill(temporary_settings(temporary_environment(given)), is_durable=True)
    monkeypatch.setattr(bench, "SETTINGS", given)


@pytest.mark.usefixtures("begun_stack")
@pytest.mark.slow
def test_nothing_is_lost_doubled_or_ended_falsely_and_every_wait_is_said():
    report = bench.run(SEEDS)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["schedules"] == len(SEEDS)
    assert report.is_met, report.as_text()
