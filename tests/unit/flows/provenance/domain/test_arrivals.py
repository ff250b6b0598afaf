"""Arrivals: over any sequence of looks each file is counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.provenance.domain.arrivals import (
    OVERLAP,
    PreviousSweep,
    asked_since,
    campaign_of,
    count_arrivals,
    window_start,
)

START = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_campaign_is_the_second_part_of_the_name():
    assert campaign_of("/RECO/26.05.0/epic/DIS/a.root") == "26.05.0"
    assert campaign_of("/RECO/a.root") == ""


def test_files_are_counted_by_campaign_and_dataset():
    names = ["/RECO/1/e/a/x", "/RECO/1/e/a/y", "/RECO/1/e/b/x", "/FULL/2/e/a/x"]
    told = count_arrivals(names, before=None, newest=[], known_campaigns=["1"])
    assert told.files == 4
    assert told.by_campaign["1"] == {
        "files": 3, "datasets": {"/RECO/1/e/a": 2, "/RECO/1/e/b": 1}, "is_known": True,
    }  # fmt: skip
    assert told.unknown_campaigns == ("2",)


def test_the_first_look_asks_for_a_day():
    assert asked_since(None, START) == window_start(None, START) == START - timedelta(hours=24)


MINUTES = st.integers(0, 600)
ARRIVALS = st.lists(st.tuples(MINUTES, st.integers(0, 50)), max_size=30)


@given(ARRIVALS, st.lists(MINUTES, min_size=1, max_size=8, unique=True).map(sorted))
def test_no_file_is_missed_and_none_counted_twice(arrivals, looks):
    """A file is made at a minute and seen up to 50 minutes later, as its transaction ends."""
    files = {
        f"/RECO/1/e/d/{number}": (START + timedelta(minutes=made), timedelta(minutes=late))
        for number, (made, late) in enumerate(arrivals)
    }

    def ask(since: datetime, now: datetime) -> list[str]:
        return [n for n, (made, late) in files.items() if made >= since and made + late <= now]

    counted = 0
    before: PreviousSweep | None = None
    for minute in [*looks, 700]:
        now = START + timedelta(minutes=minute)
        told = count_arrivals(
            ask(asked_since(before, now), now),
            before=before,
            newest=ask(now - OVERLAP, now),
            known_campaigns=[],
        )
        counted += told.files
        before = PreviousSweep(now, frozenset(told.recent))
    assert counted == len(files)
