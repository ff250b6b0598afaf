"""How far a simulated run is, as a terminal is shown it."""

from __future__ import annotations

from contextlib import redirect_stderr

import pytest

from deployments.cli.fastmon import daq as commands
from flows.workflows.domain.simulation import RunPlan

STFS = 1013


@pytest.mark.parametrize("sent", [0, 1012, STFS])
def test_the_bar_says_how_many_of_how_many_and_no_per_cent(screen, sent):
    """A rounded percentage would say that 1012 of 1013 are all."""
    with redirect_stderr(screen), commands._progress(PLAN) as shown:
        for number in range(sent):
            shown({"msg_type": "stf_ready", "sequence": number + 1})
    assert f"{sent}/{STFS}" in screen.getvalue().replace(" ", "")
    assert "%" not in screen.getvalue()


def test_without_a_terminal_each_tenth_has_a_line(capsys):
    with commands._progress(PLAN) as shown:
        for number in range(STFS):
            shown({"msg_type": "stf_ready", "sequence": number + 1})
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith(f"{STFS} of {STFS} STFs ready")
    assert len(lines) == 11
    assert not any("%" in each for each in lines)


PLAN = RunPlan(
    run_number=7, stfs=STFS, rate_hz=1.0, namespace="x", physics_periods=1, size_bytes=1,
    tf_count=1, user="me", seed=0,
)  # fmt: skip
