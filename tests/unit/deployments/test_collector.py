"""What survives a full collection is passed over by later ones; so many times, then no more."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

from deployments.collector import TIMES

_PROGRAM = """
import gc
from deployments.collector import pass_over_survivors

pass_over_survivors()
kept = []
for _ in range({rounds}):
    kept.append([[] for _ in range(1000)])
    gc.collect()
    print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def rounds(number: int) -> list[tuple[int, ...]]:
    told = subprocess.check_output(
        [sys.executable, "-c", _PROGRAM.format(rounds=number)], text=True
    )
    return [tuple(map(int, line.split())) for line in told.splitlines()]


def test_what_a_full_collection_finds_alive_is_passed_over_as_many_times_as_it_says():
    told = rounds(TIMES + 2)
    frozen = [each[0] for each in told]
    growth = [after - before for before, after in pairwise(frozen)]
    assert all(each >= 1000 for each in growth[: TIMES - 1])
    assert growth[TIMES - 1 :] == [0, 0]


def test_what_is_left_to_go_through_is_little_until_then():
    told = rounds(TIMES + 2)
    left = [each[1] for each in told]
    assert all(each < 1000 for each in left[:TIMES])
    assert left[-1] > 2000
