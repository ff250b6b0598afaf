"""What a registration would do with a dataset: whole, once, and never over what is there."""

from __future__ import annotations

import pytest

from flows.provenance.domain.join import Requested
from flows.provenance.domain.registration import (
    AtRucio,
    StoredInput,
    Verdict,
    WantedDataset,
    decide,
    wanted_datasets,
)

NAME = "/EVGEN/DIS/NC"
WHOLE = WantedDataset(NAME, ("/x/DIS/NC",), None)
TWO = (StoredInput(f"{NAME}/a.root", 3), StoredInput(f"{NAME}/b.root", 4))
ALL = frozenset(each.name for each in TWO)


def requested(suffix: str) -> Requested:
    return Requested(f"/x/{suffix}", suffix)


def verdict(known: AtRucio, stored=TWO, wanted: WantedDataset = WHOLE):
    planned = decide(wanted, stored, known, account="ours")
    return planned.verdict, planned.reason


def test_files_of_one_directory_are_one_dataset():
    wanted = wanted_datasets([requested("U/b.hepmc3.tree.root"), requested("U/a.hepmc3.tree.root")])
    assert [(each.name, each.files) for each in wanted] == [
        ("/EVGEN/U", frozenset({"a.hepmc3.tree.root", "b.hepmc3.tree.root"}))
    ]


def test_a_directory_that_is_asked_for_whole_takes_all_files():
    wanted = wanted_datasets([requested("U"), requested("U/a.hepmc3.tree.root")])
    assert [(each.name, each.files, len(each.paths)) for each in wanted] == [("/EVGEN/U", None, 2)]


def test_what_rucio_does_not_have_is_registered():
    planned = decide(WHOLE, TWO, AtRucio(), account="ours")
    assert (planned.verdict, planned.new) == (Verdict.REGISTER, TWO)


@pytest.mark.parametrize(
    ("known", "is_left"),
    [
        (AtRucio("ours", is_open=False, attached=ALL), True),
        (AtRucio("theirs", is_open=False, attached=ALL), True),
        (AtRucio("theirs", is_open=True, attached=ALL), True),
        (AtRucio("ours", is_open=True, attached=ALL), False),  # its end is still to be done
        (AtRucio("ours", is_open=True, attached=frozenset({TWO[0].name})), False),
    ],
)
def test_what_is_there_is_left_and_what_a_lost_run_began_is_gone_on_with(known, is_left):
    assert verdict(known)[0] is (Verdict.NOTHING if is_left else Verdict.REGISTER)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (AtRucio("ours", is_open=False), "the dataset is closed, and 2 of 2 files are not in it"),
        (AtRucio("theirs"), "the dataset belongs to theirs, and has not all of the files"),
        (AtRucio(sizes={TWO[0].name: 9}),
         f"Rucio has {NAME}/a.root with 9 bytes, the storage with 3"),
    ],
)  # fmt: skip
def test_what_contradicts_rucio_is_refused(known, reason):
    assert verdict(known) == (Verdict.REFUSE, reason)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ((), "the directory is empty"),
        ((StoredInput(f"{NAME}/a.root", 0),), f"empty files: {NAME}/a.root"),
        ((StoredInput(f"{NAME}/a b", 1),), f"names outside Rucio's rules: {NAME}/a b"),
        ((StoredInput(f"{NAME}/{'x' * 250}", 1),), None),
    ],
)
def test_what_cannot_be_registered_is_refused(stored, reason):
    told, why = verdict(AtRucio(), stored)
    assert told is Verdict.REFUSE
    assert reason is None or why == reason


def test_a_file_that_is_asked_for_and_not_stored_is_named():
    wanted = WantedDataset(NAME, ("/x/DIS/NC/c.root",), frozenset({"c.root"}))
    assert verdict(AtRucio(), TWO, wanted)[1] == "the storage has no c.root in that directory"
