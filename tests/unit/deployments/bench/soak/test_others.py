"""How busy others keep the machine: what is ours does not count."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deployments.bench.soak import others
from deployments.bench.soak.others import Others

SPIN = "while True: pass"


def test_a_process_of_ours_that_is_busy_does_not_count(monkeypatch: pytest.MonkeyPatch):
    with subprocess.Popen([sys.executable, "-c", SPIN]) as busy:
        try:
            looks = Others()
            for _ in range(5):
                runnable = others._of_process(busy.pid)
                monkeypatch.setattr(others, "_machine", lambda: 3)
                looks.look()
            assert runnable == 1
            assert max(looks.seen) <= 2 - 1  # without this process and the busy one
        finally:
            busy.kill()


def test_the_load_is_the_mean_of_all_looks_and_never_below_nothing():
    assert Others(seen=[4, 2, 0]).load == 2.0
    assert Others(seen=[-1, 0]).load == 0.0
    assert Others().load == 0.0


def test_the_machine_runs_at_least_what_asks():
    assert others._machine() >= 1


def test_a_process_that_has_ended_has_none():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert others._of_process(ended.pid) == 0
