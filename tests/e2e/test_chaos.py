"""Twenty fixed schedules of the chaos bench: every victim, step and kind of fault."""

from __future__ import annotations

import pytest

from deployments.bench.chaos import bench

pytestmark = pytest.mark.e2e

SEEDS = range(56, 76)


def test_no_schedule_loses_or_doubles_a_submission():
    report = bench.run(SEEDS)
    figures = {figure.name: figure.value for figure in report.figures}
    assert figures["violations"] == 0, report.as_text()
    assert figures["schedules"] == len(SEEDS)
    assert figures["kills"] >= len(SEEDS) / 2
