"""What is imported before the fork: all that a run's process starts with."""

from __future__ import annotations

import subprocess
import sys

_NOTHING_NEW = """
import os, sys
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:1/api"
from deployments.worker import guardian, preloading
preloading.preload()
before = set(sys.modules)
from deployments.worker import launch
print(*sorted(set(sys.modules) - before))
"""


def test_a_run_s_process_imports_nothing_to_start():
    made = subprocess.run(
        [sys.executable, "-c", _NOTHING_NEW], capture_output=True, text=True, check=True
    )
    assert made.stdout.split() == []
