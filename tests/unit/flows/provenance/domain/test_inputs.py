"""Which registered input a requested path means: order does not matter, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.provenance.domain.inputs import asked_for_files, follows, join_inputs, q2_of
from flows.provenance.domain.join import Requested, TaskOf
from flows.provenance.models import Finding, Rule

ROOT = "/volatile/eic/EPIC/EVGEN"


def asking(suffix: str, task: str = "a-task") -> Requested:
    return Requested(f"{ROOT}/{suffix}" if suffix else "/elsewhere", suffix, (TaskOf(task),))


def reason(suffix: str, *registered: str) -> str | None:
    joined = join_inputs([asking(suffix)], [f"/EVGEN/{each}" for each in registered], {})
    (outcome,) = joined.outcomes.values()
    return outcome.reason


def matched(suffix: str, *registered: str) -> list[tuple[str, Rule]]:
    joined = join_inputs([asking(suffix)], [f"/EVGEN/{each}" for each in registered], {})
    return [(match.name.removeprefix("/EVGEN/"), match.rule) for match in joined.matches]


@pytest.mark.parametrize(
    ("wanted", "part", "is_meant"),
    [
        ("minQ2=10", "minQ2=10", True),
        ("minQ2=10", "q2_10to100", True),
        ("minQ2=10", "q2_100_1000", True),
        ("minQ2=10", "q2_1to10", False),
        ("minQ2=10", "minQ2=100", True),
        ("q2_1to10", "q2_1_10", True),
        ("q2_1to10", "q2_1to100", False),
        ("q2_1to10", "minQ2=1", False),
        ("q2_nocut", "q2_nocut", True),
        ("q2_nocut", "q2_1to10", False),
    ],
)
def test_q2_is_compared_by_its_range(wanted, part, is_meant):
    assert follows(f"DIS/{wanted}", f"DIS/gen/{part}") is is_meant


def test_parts_must_stand_in_their_order():
    assert follows("DIS/10x100", "DIS/pythia/NC/10x100")
    assert not follows("10x100/DIS", "DIS/pythia/NC/10x100")
    assert not follows("DIS/DIS", "DIS/10x100")


def test_a_beam_is_no_range_of_q2():
    assert q2_of("10x100") is None
    assert q2_of("q2_10") is None


def test_the_same_suffix_is_the_input_and_nothing_else_is_suggested():
    assert matched("DIS/NC", "DIS/NC", "DIS/NC/10x100") == [("DIS/NC", Rule.EXACT)]
    assert reason("DIS/NC", "DIS/NC") is None


def test_another_version_is_suggested_and_does_not_find():
    suffix, other = "DIS/pythia8.306-1.0/5x41", "DIS/pythia8.316-1.0/5x41"
    assert matched(suffix, other, "DIS/pythia8.316-1.0/10x100") == [(other, Rule.VERSION)]
    assert reason(suffix, other) == "only version pythia8.316-1.0 is registered"


def test_longer_names_are_suggested_where_no_version_is():
    assert matched("DIS/CC/18x275/minQ2=100", "DIS/gen1.0.0/CC/18x275/q2_100to1000") == [
        ("DIS/gen1.0.0/CC/18x275/q2_100to1000", Rule.TOKENS)
    ]


@pytest.mark.parametrize(
    ("suffix", "registered", "told"),
    [
        ("DIS/NC/10x100", (), "nothing is registered under /EVGEN/DIS"),
        ("DIS/NC/10x100", ("DIS/CC/10x100",), "nothing is registered under /EVGEN/DIS/NC"),
        (
            "DIS/NC",
            ("DIS/NC/5x41", "DIS/NC/9x9"),
            "only longer names are registered: /EVGEN/DIS/NC/5x41 and 1 more",
        ),
        ("", ("DIS",), "the path does not begin with EVGEN's root"),
        (
            "U/x.hepmc3.tree.root",
            (),
            "a file is asked for, and its dataset /EVGEN/U is not registered",
        ),
        (
            "U/x.hepmc3.tree.root",
            ("U",),
            "a file is asked for, and the dataset /EVGEN/U has none of that name",
        ),
    ],
)
def test_what_is_not_registered_says_why(suffix, registered, told):
    assert reason(suffix, *registered) == told


def test_a_file_is_found_in_its_dataset_by_its_whole_name():
    wanted = asking("U/x.hepmc3.tree.root")
    assert asked_for_files([wanted]) == {"/EVGEN/U"}
    for file, finding in [
        ("/EVGEN/U/x.hepmc3.tree.root", Finding.FOUND),
        ("/EVGEN/U/xx.hepmc3.tree.root", Finding.MISSING),
    ]:
        joined = join_inputs([wanted], ["/EVGEN/U"], {"/EVGEN/U": [file]})
        assert joined.outcomes[wanted.path].finding is finding


SUFFIXES = st.lists(
    st.lists(
        st.sampled_from(["DIS", "NC", "minQ2=1", "q2_1to10", "gen1.0.0", "gen1.2.0", "5x41"]),
        min_size=1,
        max_size=4,
    ).map("/".join),
    unique=True,
    max_size=8,
)


@given(SUFFIXES, SUFFIXES, st.randoms(use_true_random=False))
def test_the_order_of_what_is_given_changes_nothing(wanted, registered, random):
    names = [f"/EVGEN/{each}" for each in registered]
    requested = [asking(each) for each in wanted]
    before = join_inputs(requested, names, {})
    random.shuffle(names)
    random.shuffle(requested)
    assert join_inputs(requested, names, {}) == before


@given(SUFFIXES, SUFFIXES)
def test_found_is_what_is_registered_under_the_same_name_with_one_owner_each(wanted, registered):
    requested = [asking(each) for each in wanted]
    joined = join_inputs(requested, [f"/EVGEN/{each}" for each in registered], {})
    assert joined.found() == {f"{ROOT}/{each}" for each in set(wanted) & set(registered)}
    assert set(joined.owners) == {f"/EVGEN/{each}" for each in set(wanted) & set(registered)}
    assert all((each.reason is None) == (each.finding is Finding.FOUND)
               for each in joined.outcomes.values())  # fmt: skip
