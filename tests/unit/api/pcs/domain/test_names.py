"""Names of datasets, tasks and attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pcs.domain import names, value_forms

SEGMENTS = st.from_regex(value_forms.SEGMENT.pattern, fullmatch=True).filter(
    lambda text: value_forms.SEGMENT.problem(text) is None
)
SAMPLES = SEGMENTS.filter(lambda text: names.sample_problem(text) is None)
NUMBERS = st.integers(1, 9999)

PARTS = ("group.EIC", "26.02.0", "epic_craterlake")
TAGS = ("p3001", "e1", "s1", "r1")


def test_a_name_is_composed_in_the_order_of_the_contract():
    whole = names.composed(*PARTS, (*TAGS, "k2"), "minQ2")
    assert names.composed(*PARTS, TAGS) == "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"
    assert whole == "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1.k2.minQ2"


def test_the_first_attempt_has_the_logical_name_and_the_others_a_number():
    assert names.attempt_name("a.b", 1) == "a.b"
    assert names.attempt_name("a.b", 2) == "a.b.try2"


@given(sample=SAMPLES, number=NUMBERS, block=st.none() | NUMBERS)
def test_a_physical_name_is_read_as_it_was_written(sample, number, block):
    logical = names.composed(*PARTS, TAGS, sample)
    physical = names.attempt_name(logical, number) + (f".b{block}" if block else "")
    assert names.parse_physical(physical) == (logical, number)
    assert names.parse_physical(f"{physical}/") == (logical, number)


@given(sample=SAMPLES, numbers=st.tuples(NUMBERS, NUMBERS))
def test_no_two_attempts_have_one_name(sample, numbers):
    logical = names.composed(*PARTS, TAGS, sample)
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
