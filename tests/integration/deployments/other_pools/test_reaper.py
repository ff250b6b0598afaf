"""What a run leaves when its process is killed, or stuck: the reaper ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.e2e.conftest import is_alive
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = pytest.mark.integration

RUN = """
import re, subprocess, sys, time
from deployments.other_pools import reaper
reaper.start(3.0)
child = subprocess.Popen(["sleep", "600"], process_group=0)
print(child.pid, reaper._started[0].pid, flush=True)
{}
"""
WAITS = "time.sleep(600)"
HOLDS_THE_INTERPRETER = "re.match('(a+)+$', 'a' * 64 + 'b')"


@contextmanager
def run_that(does: str) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A run's process, one that it has started, and its reaper."""
    command = [sys.executable, "-c", RUN.format(does)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with run:
        assert run.stdout is not None
        child, reaper = map(int, run.stdout.readline().split())
        wait_until(lambda: psutil.Process(reaper).children() == [] and _leads(reaper))
        try:
            yield run, child, reaper
        finally:
            run.kill()


def test_the_session_of_a_killed_run_is_killed():
    with run_that(WAITS) as (run, child, reaper):
        run.kill()
    wait_until(lambda: not is_alive(child) and not is_alive(reaper))


@pytest.mark.slow
def test_a_run_that_holds_the_interpreter_for_too_long_is_killed():
    with run_that(HOLDS_THE_INTERPRETER) as (run, child, reaper):
        assert run.wait(PATIENCE) == -signal.SIGKILL
        wait_until(lambda: not is_alive(child) and not is_alive(reaper))


@pytest.mark.slow
def test_a_run_that_runs_python_is_left_and_so_is_one_that_was_stopped_together_with_its_reaper():
    with run_that(WAITS) as (run, _, reaper):
        for each in (run.pid, reaper):
            os.kill(each, signal.SIGSTOP)
        assert stays(lambda: run.poll() is None, 20)
        for each in (reaper, run.pid):
            os.kill(each, signal.SIGCONT)
        assert stays(lambda: run.poll() is None, 12)


def _leads(pid: int) -> bool:
    """Whether it has a session of its own, so that it waits by now."""
    return subprocess.check_output(["ps", "-o", "sid=", "-p", str(pid)], text=True).strip() == str(
        pid
    )
