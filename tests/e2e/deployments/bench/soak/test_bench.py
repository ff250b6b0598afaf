"""A short soak: everything is asked for once, and nothing is lost, doubled or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.bench.soak import bench
from deployments.stack.temporary import temporary_environment, temporary_settings
from tests.template import fill

pytestmark = pytest.mark.e2e

ZERO = {"lost", "doubled", "errors", "lost_runs", "stale_agents"}
MEASURED = {
    "minutes", "triggers", "stfs", "clients", "events", "agents_calls", "mcp_calls", "drained_s",
    "late_canaries",
    "worst_memory_growth", "latency_ratio_p50", "latency_ratio_p95", "message_to_client_p50_s",
    "message_to_client_p95_s", "message_to_client_ratio_p50", "message_to_client_ratio_p95",
    "latency_ratio", "others_load", "others_cores", "own_cores",
}  # fmt: skip


@pytest.fixture
def begun_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the bench's stack begin with the template's databases."""
    given = {**bench.SETTINGS, "PRODOPS_STATE_DIR": str(tmp_path / "state")}
    fill(temporary_settings(temporary_environment(given)), is_durable=True)
    monkeypatch.setattr(bench, "SETTINGS", given)


@pytest.mark.usefixtures("begun_stack")
@pytest.mark.slow
def test_nothing_is_lost_doubled_or_refused():
    report = bench.run(minutes=0.5, clients=5, agents=2)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures.keys() == ZERO | MEASURED
    assert {name: figures[name] for name in ZERO} == dict.fromkeys(ZERO, 0), report.as_text()
    assert figures["triggers"] > 20
    assert figures["stfs"] > 200
    assert None not in figures.values()
