"""Prometheus' own tool takes the rules, and they fire when they ought to and not before."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MONITORING = Path(__file__).parents[4] / "deployments/monitoring"
CASES = Path(__file__).with_name("rules_cases.yaml")


@pytest.fixture
def promtool():
    """The program; gives what it says."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here: Debian's package prometheus has it")

    def run(*arguments: object, given: str | None = None) -> str:
        done = subprocess.run(
            [found, *map(str, arguments)],
            input=given, capture_output=True, text=True, check=False, cwd=MONITORING,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0 or given is not None, said
        return said

    return run


def test_the_rules_are_of_prometheus_form(promtool):
    assert "SUCCESS" in promtool("check", "rules", "prometheus-rules.yaml")


def test_the_example_scrape_is_of_prometheus_form(promtool):
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_alerts_fire_when_they_ought_to(promtool):
    assert "SUCCESS" in promtool("test", "rules", CASES)


def test_each_alert_is_shown_to_fire():
    groups = yaml.safe_load((MONITORING / "prometheus-rules.yaml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    cases = [
        case for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]  # fmt: skip
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert quiet == alerts


def test_metrics_are_named_as_prometheus_wants_them(promtool, api):
    said = promtool("check", "metrics", given=api.get("/metrics").text)
    assert not [line for line in said.splitlines() if line.startswith("prodops")], said
