"""The machine that a bench ran on, as its report names it."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

from deployments.stack.binaries import find_binaries

_GIB: Final = 2**30


def machine() -> dict[str, Any]:
    """The machine as it is now: cores, processor, memory, load, and the versions that count."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "postgresql": find_binaries(None).version,
        "prefect": version("prefect"),
        "prodops": version("epic-prodops"),
    }


def _cpu_model() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else platform.machine()
