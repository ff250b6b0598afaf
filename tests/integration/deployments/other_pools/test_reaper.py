"""What a run leaves when its process is killed: the reaper ends it."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.e2e.conftest import is_alive
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

RUN = """
import subprocess, sys, time
from deployments.other_pools import reaper
reaper.start()
child = subprocess.Popen(["sleep", "600"], process_group=0)
print(child.pid, reaper._started[0].pid, flush=True)
time.sleep(600)
"""


def test_the_session_of_a_killed_run_is_killed(tmp_path):
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with run:
        assert run.stdout is not None
        child, reaper = map(int, run.stdout.readline().split())
        wait_until(lambda: psutil.Process(reaper).children() == [] and _leads(reaper))
        run.kill()
    wait_until(lambda: not is_alive(child) and not is_alive(reaper))


def _leads(pid: int) -> bool:
    """Whether it has a session of its own, so that it waits by now."""
    return subprocess.check_output(["ps", "-o", "sid=", "-p", str(pid)], text=True).strip() == str(
        pid
    )
