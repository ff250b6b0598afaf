"""Where all files of a dataset are: the list of files decides, and what contradicts it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.rucio_catalog import DatasetReplica, DidMetadata
from flows.provenance.domain.availability import Assessment, assess, by_replicas
from flows.provenance.models import Availability, most_on_disk

Counts = dict[str, tuple[int | None, int | None]]
counts = st.dictionaries(
    st.sampled_from(("A", "B", "TAPE-SE")), st.tuples(st.integers(0, 4), st.integers(0, 4))
)


def summaries(at: Counts) -> list[DatasetReplica]:
    return [
        DatasetReplica(rse, total, files, None, None, "", None, None, {})
        for rse, (files, total) in at.items()
    ]


def assessed(
    at: Counts, *, listed: int = 34, length: int | None = 34, is_open: bool = False
) -> Assessment:
    metadata = DidMetadata("epic", "/x", "DATASET", length, None, None, is_open, None, None, {})
    types = {"TAPE-SE": "TAPE", "A": "DISK"}
    return assess(metadata, summaries(at), listed, rse_types=types)


CONTRADICTING = {
    "A: its summary counts 30 files, and 34 files are listed": {"at": {"A": (30, 30)}},
    "A: its summary has 36 of 34 files available": {"at": {"A": (36, 34)}},
    "A: its summary counts 0 files, and 34 files are listed": {"at": {"A": (0, 0)}},
    "A: its summary counts 36 files, and 34 files are listed": {"at": {"A": (36, 36)}},
    "the dataset's length is 36, and 34 files are listed": {"at": {"A": (34, 34)}, "length": 36},
    "the dataset's length is 34, and 0 files are listed": {"at": {}, "listed": 0},
    "A: its summary counts 30 files, and 1 file is listed": {
        "at": {"A": (30, 30)}, "listed": 1, "length": None, "is_open": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("words", CONTRADICTING)
def test_counts_that_contradict_are_said_and_never_complete(words):
    found = assessed(**CONTRADICTING[words])
    assert words in found.contradictions
    assert found.availability is Availability.INCOMPLETE
    assert not any(each["complete"] for each in found.rses)


def test_a_summary_that_contradicts_at_one_rse_leaves_what_is_at_another():
    found = assessed({"A": (30, 30), "B": (34, 34)})
    assert found.availability is Availability.REPLICATING
    assert len(found.contradictions) == 1


def test_what_rucio_has_not_counted_of_an_open_dataset_contradicts_nothing():
    found = assessed({"A": (0, 0), "B": (None, None)}, length=None, is_open=True)
    assert (found.contradictions, found.availability) == ((), Availability.INCOMPLETE)


@pytest.mark.parametrize(
    ("at", "availability"),
    [
        ({"A": (34, 34), "B": (34, 34), "TAPE-SE": (34, 34)}, Availability.COMPLETE),
        ({"A": (0, 34), "B": (34, 34), "TAPE-SE": (34, 34)}, Availability.REPLICATING),
        ({"A": (34, 34), "TAPE-SE": (33, 34)}, Availability.REPLICATING),
        ({"A": (33, 34), "TAPE-SE": (34, 34)}, Availability.TAPE),
        ({"TAPE-SE": (34, 34)}, Availability.TAPE),
        ({"A": (33, 34), "B": (33, 34), "TAPE-SE": (33, 34)}, Availability.INCOMPLETE),
        ({}, Availability.INCOMPLETE),
    ],
)
def test_available_replicating_on_tape_and_incomplete_are_told_apart(at, availability):
    found = assessed(at)
    assert (found.availability, found.contradictions) == (availability, ())


@given(counts, st.integers(0, 4), st.none() | st.integers(0, 4), st.booleans())
def test_what_is_complete_contradicts_nothing_and_is_on_a_disk(at, listed, length, is_open):
    found = assessed(at, listed=listed, length=length, is_open=is_open)
    if found.availability is Availability.COMPLETE:
        assert found.contradictions == ()
        assert most_on_disk(found.rses, listed) == listed
        assert all(files == total == listed for files, total in at.values())


def test_on_disk_is_what_the_fullest_disk_has_and_never_more_than_is_listed():
    rses = assessed({"A": (5, 34), "B": (36, 34), "TAPE-SE": (34, 34)}).rses
    assert most_on_disk(rses, 34) == 34
    assert most_on_disk(rses[:1], 34) == 5
    assert most_on_disk(rses[2:], 34) == 0


def test_summaries_that_contradict_the_replicas_are_said():
    at: Counts = {"A": (34, 34), "B": (34, 34)}
    assert list(by_replicas(summaries(at), {"A": 33, "B": 34, "C": 1}, is_open=False)) == [
        "A: its summary has 34 files available, and 33 files are there",
        "C: 1 file is available there, and Rucio has no summary of that",
    ]


def test_a_summary_that_was_not_counted_yet_contradicts_no_replica():
    assert list(by_replicas(summaries({"A": (0, 0)}), {"A": 34}, is_open=True)) == []
