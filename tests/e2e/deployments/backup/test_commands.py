"""The commands where no stack runs: its own PostgreSQL is started for them, and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.schema import newest
from deployments.stack.layout import Layout
from deployments.stack.lock import UpLock
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from tests.template import fill

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def prodops(given: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *words],
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[4]), **given},
        cwd=Path(given["PRODOPS_STATE_DIR"]),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def machines() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """One whose stack was there before, and one on which there was none."""
    used, fresh = temporary_environment({}), temporary_environment({})
    fill(temporary_settings(used))
    yield used, fresh
    for given in (used, fresh):
        remove_state(temporary_settings(given))


def test_a_backup_moves_to_another_machine_while_both_stacks_are_down(machines, tmp_path):
    used, fresh = machines
    directory = str(tmp_path / "b")
    made = prodops(used, "backup", "--json", directory)
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert (said["revision"], set(said["databases"])) == (newest(), {"prodops", "prefect"})
    assert "prefect: " in made.stderr
    verified = prodops(used, "backup", "verify", directory)
    assert verified.stdout.startswith(f"{directory}: whole; of ")
    restored = prodops(fresh, "restore", directory, "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["event_id"] > 0
    for given in machines:
        assert UpLock(Layout(Path(given["PRODOPS_STATE_DIR"]))).holder() is None
    back = prodops(fresh, "migrate", "--back-to", "0027")
    assert (back.returncode, back.stdout) == (0, "the schema is that of revision 0027 again\n")
    again = prodops(fresh, "restore", directory)
    assert again.returncode == 2
    assert again.stderr.splitlines()[-1].startswith("prodops: there is something in prodops")
