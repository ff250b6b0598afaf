"""`prodops sandbox` as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deployments.reference import ROOT
from deployments.sandbox.broker.programs import find_programs
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings

pytestmark = pytest.mark.integration

LISTING = """
=== epic:/RECO/99.2.0/epic_craterlake/x/minQ2=10 ===
  RSE: BNL-XRD                                   Files: 5/9 (incomplete)
  RSE: NEW-SE                                    Files: 9/9 (complete)
  Total Size: 2.500 GB (9 files)

=== ---------+------- ===
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """The commands' environment: settings of their own."""
    given = temporary_environment({})
    yield {**given, "HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
    settings = temporary_settings({**given, "PRODOPS_SANDBOX_GRID": "true"})
    remove_state(settings)


@pytest.fixture(scope="module")
def running(sandbox):
    started = prodops(sandbox, "up", "--detach")
    assert started.returncode == 0, started.stderr
    yield started.stdout
    ended = prodops(sandbox, "down")
    assert ended.returncode == 0, ended.stderr


def prodops(environment, *arguments):
    command = [sys.executable, "-m", "deployments.cli", "sandbox", *arguments]
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def listing(tmp_path):
    path = tmp_path / "listing.txt"
    path.write_text(LISTING)
    return str(path)


@pytest.mark.slow
def test_a_sandbox_that_is_down_is_said_to_be(sandbox, listing):
    assert prodops(sandbox, "status").returncode == 3
    assert prodops(sandbox, "down").returncode == 1
    refused = prodops(sandbox, "seed", "--campaign", listing)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("prodops: no stack runs")


@pytest.mark.slow
def test_up_tells_the_addresses_and_how_a_stack_uses_them(sandbox, running):
    assert f"https://localhost:{sandbox['PRODOPS_SANDBOX_RUCIO_PORT']}" in running
    assert "export PRODOPS_RUCIO_LOGS_URL=" in running
    assert "export PRODOPS_PANDA_URL_SSL=" in running


@pytest.mark.slow
def test_up_runs_the_message_broker_where_it_is_installed(sandbox, running):
    is_running = f"export PRODOPS_BUS_PORT='{sandbox['PRODOPS_SANDBOX_BROKER_PORT']}'" in running
    assert is_running == (find_programs() is not None)
    assert is_running != ("ActiveMQ is not installed" in running)


@pytest.mark.slow
def test_status_shows_each_part_with_its_version(sandbox, running):
    shown = prodops(sandbox, "status")
    assert shown.returncode == 0
    rows = {line.split()[0]: line for line in shown.stdout.splitlines() if line.strip()}
    assert "41.5.1" in rows["rucio"]
    assert {"postgres", "panda", "rucio"} <= set(rows)
    assert "worker" not in rows


@pytest.mark.slow
def test_seed_loads_a_listing_and_again_changes_nothing(sandbox, running, listing):
    first = prodops(sandbox, "seed", "--campaign", listing, "--max-files", "5")
    assert first.stdout.startswith("1 datasets with 5 files and 10 replicas made"), first.stderr
    assert "1 headings that name no dataset" in first.stdout
    second = prodops(sandbox, "seed", "--campaign", listing)
    assert second.stdout.startswith("0 datasets with 0 files"), second.stderr
    anew = prodops(sandbox, "seed", "--campaign", listing, "--replace")
    assert anew.stdout.startswith("1 datasets with 9 files"), anew.stderr


@pytest.mark.slow
def test_a_second_sandbox_of_the_same_directory_is_refused(sandbox, running):
    assert prodops(sandbox, "up").returncode == 1


@pytest.mark.slow
def test_two_ways_to_scale_are_one_too_many(sandbox, running, listing):
    both = ("--files-scale", "0.5", "--max-files", "5")
    assert prodops(sandbox, "seed", "--campaign", listing, *both).returncode == 2
