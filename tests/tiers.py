"""Which tiers can run here: prints pytest's arguments, and names on stderr what is left out.

Under CI=true nothing may be left out: then a missing program ends the run.
"""

from __future__ import annotations

import os
import shutil
import sys

_NEEDS = {"browser": "chromium"}


def main() -> None:
    """Print the arguments."""
    missing = {tier: program for tier, program in _NEEDS.items() if not shutil.which(program)}
    for tier, program in missing.items():
        sys.stderr.write(f"left out: the {tier} tier, which needs {program}\n")
    if missing and os.environ.get("CI") == "true":
        sys.exit("under CI=true no tier may be left out")
    sys.stdout.write(" ".join(f"--ignore=tests/{tier}" for tier in missing))


if __name__ == "__main__":
    main()
