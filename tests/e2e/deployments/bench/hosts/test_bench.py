"""A schedule of the bench of two hosts: one is cut off until the other has its work, comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.hosts import bench
from deployments.bench.hosts.network import NoHosts, hosts, require_programs
from deployments.bench.hosts.prefect_servers import REDIS
from deployments.bench.hosts.schedules import LEASE_SECONDS, Kind, draw
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e

SEED = next(
    seed
    for seed in range(1, 101)
    if draw(seed).kind is Kind.CUT and draw(seed).lasts_seconds > 3 * LEASE_SECONDS
)


@pytest.fixture(autouse=True)
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases, where hosts can be made."""
    try:
        require_programs({REDIS: REDIS, "nginx": "nginx-light"})
        with hosts(1, [1]):
            pass  # root of a container may make none
    except NoHosts as missing:
        pytest.skip(f"no two hosts: {missing}")
    given = {**bench.SETTINGS, "PRODOPS_STATE_DIR": str(tmp_path / "state")}
    fill(temporary_settings(temporary_environment(given)), is_durable=True)
    monkeypatch.setattr(bench, "SETTINGS", given)


@pytest.mark.slow
def test_a_host_that_is_cut_off_loses_its_work_to_the_other_and_does_no_harm_when_it_is_back():
    report = bench.run([SEED])
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["schedules"] == 1
    assert figures["taken_over"], report.as_text()
    assert report.is_met, report.as_text()
