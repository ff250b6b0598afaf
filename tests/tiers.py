"""Which tiers can run here: prints pytest's arguments, and names on stderr what is left out.

Under CI=true nothing may be left out: then a missing program ends the run.
"""

from __future__ import annotations

import os
import shutil
import sys

_NEEDS = {"browser": "chromium-headless-shell"}
_TESTS_NEED = {
    "the sandbox's grid": ("xrootd", "xrdcp"),
    "the external proxy": ("nginx",),
    "the message broker": ("java", "activemq"),
    "the tutorial": ("curl",),
    "systemd's verdict on the units": ("systemd-analyze",),
}
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


def main() -> None:
    """Print the arguments."""
    missing = {tier: program for tier, program in _NEEDS.items() if not _is_here(program)}
    lacking = {
        tests: " and ".join(absent)
        for tests, programs in _TESTS_NEED.items()
        if (absent := [program for program in programs if not _is_here(program)])
    }
    left_out = {f"the {tier} tier": program for tier, program in missing.items()}
    left_out |= {f"the tests of {tests}": programs for tests, programs in lacking.items()}
    for tests, programs in left_out.items():
        sys.stderr.write(f"left out: {tests} (missing: {programs})\n")
    if left_out and os.environ.get("CI") == "true":
        sys.exit("under CI=true no test may be left out")
    sys.stdout.write(" ".join(f"--ignore=tests/{tier}" for tier in missing))


def _is_here(program: str) -> bool:
    return shutil.which(program, path=_PATH) is not None


if __name__ == "__main__":
    main()
