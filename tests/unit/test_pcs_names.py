"""Names of datasets, tasks and attempts, and the forms of what reaches a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pcs.domain import names, value_forms
from api.pcs.domain.names import NameParts, PhysicalName

SEGMENTS = st.from_regex(value_forms.SEGMENT.pattern, fullmatch=True).filter(
    lambda text: value_forms.SEGMENT.problem(text) is None
)
SAMPLES = SEGMENTS.filter(lambda text: names.sample_problem(text) is None)
NUMBERS = st.integers(1, 9999)
BAD = ("a\nb", "a b", "a'b", 'a"b', "a--b", "--a", "-a", "", " ", "a;b", "$(a)", "`a`", "a|b",
       "a&b", "a\\b", "a\0b", "a>b", "a\tb", "a\n", "é", "a*", "a\u2028b", "x" * 5000)  # fmt: skip
ANCHORED = (value_forms.NAME, value_forms.IMAGE, value_forms.OUTPUTS, value_forms.URL,
            value_forms.FILE, value_forms.SEGMENT, value_forms.TASK_NAME,
            value_forms.OUT_DS)  # fmt: skip
NASTY = st.text().flatmap(
    lambda text: st.sampled_from(["\n", "'", '"', "--", " ", "\0", "$", ";"]).map(
        lambda sign: text + sign + text
    )
)

PARTS = {
    "scope": "group.EIC",
    "detector_version": "26.02.0",
    "detector_config": "epic_craterlake",
    "physics": "p3001",
    "evgen": "e1",
    "simu": "s1",
    "reco": "r1",
}


def test_a_name_is_composed_in_the_order_of_the_contract():
    whole = NameParts(**PARTS, background="k2", sample="minQ2")
    assert NameParts(**PARTS).composed() == "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"
    assert whole.composed() == "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1.k2.minQ2"


def test_the_first_attempt_has_the_logical_name_and_the_others_a_number():
    assert names.attempt_name("a.b", 1) == "a.b"
    assert names.attempt_name("a.b", 2) == "a.b.try2"


@given(sample=SAMPLES, number=NUMBERS, block=st.none() | NUMBERS)
def test_a_physical_name_is_read_as_it_was_written(sample, number, block):
    logical = NameParts(**PARTS, sample=sample).composed()
    physical = PhysicalName(logical, number, block)
    assert names.parse_physical(str(physical)) == physical
    assert names.parse_physical(f"{physical}/") == physical


@given(sample=SAMPLES, numbers=st.tuples(NUMBERS, NUMBERS))
def test_no_two_attempts_have_one_name(sample, numbers):
    logical = NameParts(**PARTS, sample=sample).composed()
    first, second = (names.attempt_name(logical, number) for number in numbers)
    assert (first == second) is (numbers[0] == numbers[1])


@pytest.mark.parametrize("sample", ["k1", "k12.x", "x.b1", "x.try2", "b3", "try1"])
def test_a_sample_that_reads_as_a_suffix_is_refused(sample):
    assert names.sample_problem(sample)


@pytest.mark.parametrize("sample", ["kaon", "x.k1", "b3.x", "tryout", "minQ2", "k"])
def test_other_samples_are_good(sample):
    assert names.sample_problem(sample) is None


@pytest.mark.parametrize("name", ["command", "intake", "record-submission", "12", "a/../b", "."])
def test_a_task_may_not_take_a_word_of_the_interface_a_number_or_a_path(name):
    assert names.task_name_problem(name)


def test_a_block_and_a_log_dataset_are_named_as_their_owners_name_them():
    assert names.block_did("group.EIC", "d", 2) == "group.EIC:d.b2"
    assert names.log_dataset("d.try2") == "d.try2.log/"


@pytest.mark.parametrize("form", ANCHORED, ids=lambda form: form.words)
@pytest.mark.parametrize("text", BAD, ids=repr)
def test_what_a_shell_or_prun_would_read_otherwise_is_of_no_form(form, text):
    assert form.problem(text)


@pytest.mark.parametrize("form", ANCHORED, ids=lambda form: form.words)
@given(text=NASTY)
def test_no_text_with_a_sign_of_the_shell_is_of_a_form(form, text):
    assert form.problem(text)


@given(text=st.text())
def test_a_command_is_one_line_and_no_option(text):
    if value_forms.COMMAND.problem(text) is None:
        assert text.isprintable()
        assert not text.startswith("-")


GOOD = [
    (value_forms.IMAGE, "docker://eicweb/jug_xl:26.02.0-stable"),
    (value_forms.IMAGE, "/cvmfs/singularity.opensciencegrid.org/eicweb/eic_xl:26.05.0-stable"),
    (value_forms.IMAGE, "ghcr.io/eic/eic_xl@sha256:0123abcd"),
    (value_forms.NAME, "BNL_PanDA_1"),
    (value_forms.NAME, "EIC.production"),
    (value_forms.OUTPUTS, "myout.txt"),
    (value_forms.OUTPUTS, "a.root,b.root"),
    (value_forms.TASK_NAME, "EVGEN/SINGLE/pi+/10GeV/3to50deg"),
    (value_forms.TASK_NAME, "EVGEN/DIS/NC/10x100/minQ2=10"),
    (value_forms.URL, "https://pandaserver-doma.cern.ch/trf/user/runGen-00-00-02"),
]


@pytest.mark.parametrize(("form", "text"), GOOD)
def test_what_is_in_use_is_of_its_form(form, text):
    assert form.problem(text) is None


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0, 10**9])
def test_a_count_is_a_whole_number_within_bounds(value):
    assert value_forms.COUNT.problem(value)
