"""Listings of a campaign: what is read of them, and how they are scaled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox.grid.listing import ListedDataset, parse_listing, read_listing
from deployments.sandbox.grid.seed import campaign_of, file_sizes, scale

LISTING = """
```
=== epic:/RECO/99.1.0/epic_craterlake/DIS/NC/10x100/minQ2=10 ===
  RSE: BNL-XRD                                   Files: 5/9 (incomplete)
  RSE: NEW-SE                                    Files: 9/9 (complete)
  Total Size: 2.500 GB (9 files)

=== ------------------------+-------------- ===
  Total Size: Unknown

=== epic:/RECO/99.1.0/epic_craterlake/SINGLE/e+/100MeV/45to135deg ===
  RSE: NEW-SE                                    Files: 0/0 (complete)
  Total Size: 0.000 B (0 files)

=== CAMPAIGN SUMMARY ===
  RSE: NEW-SE                                    Total Size: 2.500 GB         Total Files: 9
```
"""
DATASET = ListedDataset("/RECO/99.1.0/x/y", {"A": (900, 901), "B": (901, 901)}, 901, 10**12)


def test_a_listing_gives_each_dataset_with_its_rses_and_size():
    first, empty = parse_listing(LISTING)
    assert first.name == "/RECO/99.1.0/epic_craterlake/DIS/NC/10x100/minQ2=10"
    assert first.rses == {"BNL-XRD": (5, 9), "NEW-SE": (9, 9)}
    assert (first.files, first.size_bytes) == (9, 2_500_000_000)
    assert (empty.files, empty.size_bytes, empty.rses) == (0, 0, {"NEW-SE": (0, 0)})


def test_a_heading_that_names_no_dataset_is_counted_and_the_summary_is_not():
    assert len(read_listing(LISTING).skipped) == 1


def test_nothing_of_a_text_without_headings_is_read():
    assert parse_listing("  RSE: A   Files: 1/1 (complete)\nhello\n") == []


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.01, 0.0])
def test_scaling_keeps_complete_complete_and_partly_partly(factor):
    (scaled,) = scale([DATASET], files_scale=factor, max_files=None)
    assert scaled.rses["B"] == (scaled.files, scaled.files)
    available, total = scaled.rses["A"]
    assert 0 < available < total == scaled.files


def test_the_most_files_of_a_campaign_hold_for_all_of_it_together():
    twenty = [DATASET] * 20
    assert sum(each.files for each in scale(twenty, files_scale=None, max_files=1802)) == 1800
    assert scale(twenty, files_scale=None, max_files=10**9) == twenty


def test_the_size_shrinks_with_the_files():
    (scaled,) = scale([DATASET], files_scale=0.1, max_files=None)
    assert scaled.size_bytes == round(10**12 * scaled.files / 901)


@given(st.integers(0, 10**15), st.integers(1, 60), st.text(max_size=20))
def test_sizes_of_files_sum_to_the_whole_and_none_is_negative(total, count, seed):
    sizes = file_sizes(total, count, seed_text=seed)
    assert sum(sizes) == total
    assert len(sizes) == count
    assert min(sizes) >= 0


def test_the_campaign_is_the_second_segment_of_a_name():
    assert campaign_of("/RECO/26.07.1/epic_craterlake/x") == "26.07.1"
    assert campaign_of("/RECO") is None
