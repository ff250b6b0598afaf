"""The sampling: reproducible, inside its partitions, with sizes and names that add up."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fastmon import domain
from flows.fastmon.domain import Origin, Sampling, Stf, TfFile

SAMPLING = Sampling(
    selection_fraction=0.1,
    tf_files_per_stf=7,
    tf_size_fraction=0.15,
    tf_sequence_start=1,
    tf_count_per_stf=1000,
    stf_size_bytes=2 * 1024**3,
    seed="prodops",
)
NAMES = st.from_regex(r"swf\.[0-9]{1,6}\.[0-9]{6}\.stf", fullmatch=True)


def stf_of(name: str = "swf.1.000002.stf", **fields: Any) -> Stf:
    known = {
        "is_first": False,
        "size_bytes": 2 * 1024**3,
        "size_from": Origin.MESSAGE,
        "tf_count": 1000,
        "tf_count_from": Origin.MESSAGE,
    }
    return Stf(name=name, **{**known, **fields})


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    return replace(
        SAMPLING,
        selection_fraction=draw(st.floats(0, 1)),
        tf_files_per_stf=draw(st.integers(1, 40)),
        tf_size_fraction=draw(st.floats(0.001, 1)),
        tf_sequence_start=draw(st.integers(0, 500)),
        seed=draw(st.text(max_size=8)),
    )


@st.composite
def stfs(draw: st.DrawFn) -> Stf:
    return stf_of(
        draw(NAMES),
        size_bytes=draw(st.integers(0, 2**40)),
        tf_count=draw(st.integers(1, 5000)),
        is_first=draw(st.booleans()),
    )


def partition_of(sampling: Sampling, stf: Stf, index: int) -> tuple[int, int]:
    """First and last TF of an equal partition; the last takes the remainder."""
    number = min(sampling.tf_files_per_stf, stf.tf_count)
    width = stf.tf_count // number
    end = stf.tf_count if index == number - 1 else (index + 1) * width
    return index * width, end - 1


@given(samplings(), stfs())
def test_the_same_seed_and_name_give_the_same_decision_and_ranges(sampling, stf):
    again = replace(sampling)
    assert domain.is_selected(sampling, stf) == domain.is_selected(again, replace(stf))
    assert domain.tf_files(sampling, stf) == domain.tf_files(again, replace(stf))


def test_another_seed_or_name_gives_other_ranges():
    ranges = {
        tuple((tf.tf_first, tf.tf_last) for tf in domain.tf_files(sampling, stf))
        for sampling in (SAMPLING, replace(SAMPLING, seed="other"))
        for stf in (stf_of("a.stf"), stf_of("b.stf"))
    }
    assert len(ranges) == 4


@given(samplings(), stfs())
def test_each_range_lies_inside_its_equal_partition_and_none_overlaps(sampling, stf):
    files = domain.tf_files(sampling, stf)
    assert len(files) == min(sampling.tf_files_per_stf, stf.tf_count)
    for index, tf in enumerate(files):
        first, last = partition_of(sampling, stf, index)
        assert first <= tf.tf_first <= tf.tf_last <= last < stf.tf_count
    assert all(one.tf_last < two.tf_first for one, two in itertools.pairwise(files))


@given(samplings(), stfs())
def test_a_tf_files_bytes_are_its_share_of_the_stfs(sampling, stf):
    files = domain.tf_files(sampling, stf)
    for tf in files:
        assert tf.tf_count == tf.tf_last - tf.tf_first + 1
        assert tf.size_bytes == stf.size_bytes * tf.tf_count // stf.tf_count
    assert sum(tf.size_bytes for tf in files) <= stf.size_bytes


def test_a_block_takes_about_the_asked_part_of_its_partition():
    counts = [
        tf.tf_count
        for number in range(500)
        for tf in domain.tf_files(SAMPLING, stf_of(f"{number}.stf", tf_count=7000))
    ]
    assert sum(counts) / len(counts) == pytest.approx(150, rel=0.02)
    assert min(counts) < 130
    assert max(counts) > 170


def test_blocks_lie_anywhere_in_their_partition():
    starts = [
        domain.tf_files(SAMPLING, stf_of(f"{number}.stf", tf_count=7000))[0].tf_first
        for number in range(500)
    ]
    assert min(starts) < 50
    assert max(starts) > 750


@given(samplings(), stfs())
def test_tf_files_are_named_by_their_stf_and_numbered_in_order(sampling, stf):
    base = stf.name.removesuffix(".stf")
    start = sampling.tf_sequence_start
    assert [tf.name for tf in domain.tf_files(sampling, stf)] == [
        f"{base}_tf_{start + index:03d}.tf"
        for index in range(min(sampling.tf_files_per_stf, stf.tf_count))
    ]


@pytest.mark.parametrize(
    ("name", "tf_name"),
    [
        ("swf.1.000001.stf", "swf.1.000001_tf_001.tf"),
        ("plain", "plain_tf_001.tf"),
        ("a.b.dat", "a.b_tf_001.tf"),
        (".hidden", ".hidden_tf_001.tf"),
    ],
)
def test_a_tf_name_replaces_the_last_suffix_only(name, tf_name):
    assert domain.tf_name(name, 1) == tf_name


def test_a_tf_file_has_the_same_id_in_every_attempt():
    assert domain.tf_file_id("a_tf_001.tf") == domain.tf_file_id("a_tf_001.tf")
    assert domain.tf_file_id("a_tf_001.tf") != domain.tf_file_id("a_tf_002.tf")


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5])
def test_about_the_asked_fraction_is_selected(fraction):
    sampling = replace(SAMPLING, selection_fraction=fraction)
    chosen = sum(domain.is_selected(sampling, stf_of(f"{n}.stf")) for n in range(10_000))
    spread = (fraction * (1 - fraction) / 10_000) ** 0.5
    assert abs(chosen / 10_000 - fraction) < 4 * spread


@given(stfs(), st.text(max_size=8))
def test_a_fraction_of_one_selects_all_and_of_zero_only_a_runs_first(stf, seed):
    everything = replace(SAMPLING, selection_fraction=1.0, seed=seed)
    nothing = replace(SAMPLING, selection_fraction=0.0, seed=seed)
    assert domain.is_selected(everything, stf)
    assert domain.is_selected(nothing, stf) == stf.is_first


@given(NAMES, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_fraction_keeps_what_a_smaller_one_selects(name, one, two):
    small, large = sorted((one, two))
    if domain.is_selected(replace(SAMPLING, selection_fraction=small), stf_of(name)):
        assert domain.is_selected(replace(SAMPLING, selection_fraction=large), stf_of(name))


@given(st.integers(1, 6))
def test_an_stf_of_few_tfs_gives_a_file_for_each(tf_count):
    files = domain.tf_files(SAMPLING, stf_of(tf_count=tf_count, size_bytes=600))
    assert [(tf.tf_first, tf.tf_last) for tf in files] == [(n, n) for n in range(tf_count)]
    assert {tf.size_bytes for tf in files} == {600 // tf_count}


@pytest.mark.parametrize(
    ("said", "row", "size", "count"),
    [
        ((5, 6), (7, 8), (5, Origin.MESSAGE), (6, Origin.MESSAGE)),
        ((None, None), (7, 8), (7, Origin.STF_ROW), (8, Origin.STF_ROW)),
        ((None, 6), (7, None), (7, Origin.STF_ROW), (6, Origin.MESSAGE)),
        ((0, None), (7, 8), (0, Origin.MESSAGE), (8, Origin.STF_ROW)),
        (
            (None, None),
            (None, None),
            (2 * 1024**3, Origin.CONFIGURED),
            (1000, Origin.CONFIGURED),
        ),
    ],
)
def test_a_gap_is_filled_by_the_row_then_the_configuration_and_marked(said, row, size, count):
    stf = domain.fill_gaps(SAMPLING, "a.stf", is_first=False, said=said, row=row)
    assert (stf.size_bytes, stf.size_from) == size
    assert (stf.tf_count, stf.tf_count_from) == count


@given(samplings(), stfs(), st.booleans())
def test_the_record_names_every_setting_and_origin(sampling, stf, sampled):
    record = domain.record(sampling, stf, sampled=sampled)
    assert record["sampling"] == vars(sampling)
    assert (record["sampled"], record["first_of_run"]) == (sampled, stf.is_first)
    assert (record["size_from"], record["tf_count_from"]) == ("message", "message")


@given(st.integers(200, 255), st.integers(1, 999))
def test_names_have_room_exactly_when_the_longest_fits(length, files):
    sampling = replace(SAMPLING, tf_files_per_stf=files)
    name = "s" * (length - 4) + ".stf"
    last = domain.tf_name(name, sampling.tf_sequence_start + files - 1)
    assert domain.has_room_for_names(sampling, name) == (len(last) <= 255)


def test_a_tf_files_count_includes_both_its_ends():
    assert TfFile(name="a", tf_first=3, tf_last=3, size_bytes=0).tf_count == 1
