"""Draws tests of the slower tier: ``python -m tests.slower SECONDS [SEED]``, prints their ids.

As many as take so long together; on stderr the seed, to draw the same again, and what is left out.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time

from tests.schedule import UNKNOWN, weights

_COLLECT = ("-m", "pytest", "tests", "--collect-only", "-q", "-m", "slow")


def collected() -> list[str]:
    """The ids of all tests of the tier."""
    told = subprocess.check_output([sys.executable, *_COLLECT], text=True)
    return sorted(line for line in told.splitlines() if "::" in line)


def draw(ids: list[str], seconds: float, seed: int) -> list[str]:
    """Those of `ids`, in the order of the draw, that fit into so many seconds."""
    known, drawn = weights(), []
    for each in random.Random(seed).sample(ids, len(ids)):
        taken = known.get(each, UNKNOWN["slow"])
        if taken <= seconds:
            seconds -= taken
            drawn.append(each)
    return drawn


def main() -> None:
    """Print the ids of the tests that are drawn."""
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    ids = collected()
    drawn = draw(ids, float(sys.argv[1]), seed)
    sys.stderr.write(f"the slower tier, by seed {seed}: {len(drawn)} of {len(ids)} tests\n")
    for each in sorted(set(ids) - set(drawn)):
        sys.stderr.write(f"left out: {each}\n")
    sys.stdout.writelines(f"{each}\n" for each in drawn)


if __name__ == "__main__":
    main()
