"""A worker that is started twice, that drains, and that hands over."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Feeder, Site, is_alive
from tests.e2e.deployments.worker.looks import exit_of, sampling_request
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.e2e


# ------------------------------------------------------------------ a second of the name


@pytest.mark.slow
def test_a_second_worker_of_the_name_is_refused_with_one_line(site: Site, tmp_path: Path):
    environment = {**site.stack.environment("ops"), "PRODOPS_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.cli", "worker"]
    second = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1), second.stderr
    assert "runs already on this database" in second.stderr
    assert site.ended(site.trigger("check_pipeline")).state == "completed"


# ------------------------------------------------------------------ drain


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_hands_its_sampling_back_to_the_next(
    site: Site, namespace: str, feed: Feeder
):
    request = sampling_request(site, namespace)
    worker = psutil.Process(site.stack.pid("worker"))
    guardian, processes = site.guardian(), site.runs()
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(worker.pid))
    wait_until(lambda: not any(is_alive(each.pid) for each in (guardian, *processes)))
    assert wait_until(lambda: exit_of(site, worker.pid), 5) == "exit status 0"
    again = site.ended(request.id)
    assert (again.state, again.attempts >= 2) == ("completed", True)
    feed.__exit__()
    wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"})


# ------------------------------------------------------------------ a steady stream


@pytest.mark.slow
def test_a_steady_stream_leaves_a_run_each_run_seconds_and_no_gap_at_the_hand_over(
    site: Site, namespace: str
):
    with Feeder(site.stack.api_url, site.token, [namespace], rate_hz=20) as feeder:
        wait_until(lambda: len(site.requests(subject=namespace)) >= 3)
        sampling_request(site, namespace)
    wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"})
    wait_until(site.is_quiet)
    names = [name for name in site.tf_names() if f".{namespace}." in name]
    assert len(names) == len(set(names)) == 7 * len(set(feeder.accepted))
    told = site.events(msg_type="tf_file_registered", namespace=namespace)
    assert Counter(event.payload["tf_filename"] for event in told).most_common(1)[0][1] == 1
    gaps = [later.at - one.at for one, later in itertools.pairwise(told)]
    assert max(gaps) < timedelta(seconds=2)
    lives = [each.finished_at - each.started_at for each in site.requests(subject=namespace)[:-1]]
    assert all(timedelta(seconds=4) < life < timedelta(seconds=15) for life in lives)
