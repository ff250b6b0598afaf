"""The bench `sweep` without services: its campaign, its patterns, and how it compares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.bench.provenance.comparison import Facts
from deployments.bench.provenance.markers import Asked, OneByOne, expected_markers
from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.made_up import (
    EVGEN_ROOT,
    ListingWithoutCampaign,
    given,
    made_up,
    requested_paths,
)

TOP = "/RECO/26.11.0/epic_craterlake"


def dataset(name: str, files: int = 3) -> ListedDataset:
    return ListedDataset(name, {"BNL-XRD": (files, files)}, files, 1000 * files)


def found(path: str, *names: str, campaign: str = "26.11.0") -> bool:
    paths = [f"{EVGEN_ROOT}/{path}"]
    return bool(expected_markers(campaign, [dataset(name) for name in names], paths))


# ------------------------------------------------------------------ the made-up campaign


def test_the_made_up_campaign_is_as_large_as_the_bench_promises():
    campaign = made_up()
    assert len(set(campaign.paths)) == 405
    assert len({each.name for each in campaign.datasets}) == 370
    assert sum(each.files for each in campaign.datasets) == 100_000
    assert {len(each.rses) for each in campaign.datasets} == {2, 3}


def test_the_made_up_campaign_is_the_same_each_time():
    assert made_up() == made_up()


def test_some_of_the_made_up_is_found_some_missing_some_incomplete_some_unasked():
    campaign = made_up()
    hits = expected_markers(campaign.name, campaign.datasets, campaign.paths)
    incomplete = [
        each for each in campaign.datasets if any(a < total for a, total in each.rses.values())
    ]
    assert len(hits) == 329
    assert 0 < len(incomplete) < len(campaign.datasets)
    assert all(len(each.name) <= 250 for each in campaign.datasets)


def test_a_small_campaign_has_each_kind_too():
    campaign = made_up(requests=48, datasets=40, files=1_200)
    names = [each.name for each in campaign.datasets]
    assert (len(campaign.paths), len(names)) == (48, 40)
    assert any("/Bkg_" in name for name in names)
    assert any(name.endswith("/EXCLUSIVE/UPSILON_ABCONV") for name in names)


DATASET = (
    "=== epic:/RECO/{}/epic_x/DIS/a ===\n"
    "  RSE: BNL-XRD   Files: 40/40 (complete)\n  Total Size: 4 GB (40 files)\n"
)


def test_a_listing_with_its_requests_is_a_campaign(tmp_path: Path):
    listing, table = tmp_path / "listing.txt", tmp_path / "requests.csv"
    listing.write_text(DATASET.format("26.01.2"))
    table.write_text(f'Dataset Path,Description\n{EVGEN_ROOT}/DIS/a,"two\nlines"\n')

    campaign = given(listing, table, most_files=20)

    assert (campaign.name, campaign.paths) == ("26.01.2", [f"{EVGEN_ROOT}/DIS/a"])
    assert [each.files for each in campaign.datasets] == [20]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing\n", "it names no dataset"),
        (DATASET.format("26.01.2") + DATASET.format("26.02.0"), "26.01.2, 26.02.0"),
    ],
)
def test_a_listing_that_is_not_of_one_campaign_is_refused_by_name(tmp_path: Path, text, said):
    listing = tmp_path / "wrong.txt"
    listing.write_text(text)
    with pytest.raises(ListingWithoutCampaign, match=rf"wrong\.txt.*{said}"):
        given(listing, None, most_files=1)


def test_requests_may_hold_line_breaks():
    assert requested_paths('Dataset Path,Other\n/a/b ,"x\ny"\n/c,\n') == ["/a/b", "/c"]


# ------------------------------------------------------------------ the hand script's patterns


def test_the_patterns_span_versions_configurations_and_backgrounds():
    assert found("DIS/a", f"{TOP}/DIS/a")
    assert found("DIS/a/", f"{TOP}/DIS/a")
    assert found("DIS/a", f"{TOP}/Bkg_x/GoldCt/10um/DIS/a")
    assert found("DIS/a", f"{TOP}/DIS/a", campaign="26.11")


def test_the_patterns_want_the_whole_suffix_and_the_campaign():
    assert not found("DIS/a", f"{TOP}/DIS/ab")
    assert not found("DIS/a", f"{TOP}/xDIS/a")
    assert not found("DIS/a", "/RECO/26.10.0/epic_craterlake/DIS/a")
    assert not found("DIS/a", "/FULL/26.11.0/epic_craterlake/DIS/a")


def test_a_request_for_a_file_is_found_by_what_was_made_of_it():
    name = f"{TOP}/EXCLUSIVE/UPSILON_ABCONV"
    assert found("EXCLUSIVE/UPSILON_ABCONV/UPSILON_ABCONV.0001.hepmc3.tree.root", name)
    assert not found("EXCLUSIVE/UPSILON_ABCONV/UPSILON_ABCONV.0009.hepmc3.tree.root", name)


def test_what_is_outside_of_the_inputs_is_not_looked_for():
    assert expected_markers("26.11.0", [dataset(f"{TOP}/DIS/a")], ["/elsewhere/DIS/a"]) == set()


# ------------------------------------------------------------------ comparing


def facts(**changed: object) -> Facts:
    known = {"files": 2, "size_bytes": 20, "length": 2, "rucio_bytes": 20, "is_complete": True,
             "rses": {"BNL-XRD": (2, 2)}, "digest": "d"}  # fmt: skip
    return Facts(**(known | changed))


def test_each_fact_that_differs_counts_and_is_named():
    assert list(facts().differences(facts())) == []
    wrong = facts(length=None, rses={"BNL-XRD": (1, 2)})
    assert list(wrong.differences(facts())) == [
        "length None instead of 2",
        "rses {'BNL-XRD': (1, 2)} instead of {'BNL-XRD': (2, 2)}",
    ]


def test_a_sample_of_processes_is_extrapolated_and_compared():
    asked = {"a": Asked(is_found=True, seconds=1.0), "b": Asked(is_found=False, seconds=2.0)}
    told = OneByOne(asked, paths=10)
    assert told.seconds == pytest.approx(15.0)
    assert told.differences({"a"}) == []
    assert len(told.differences({"b"})) == 2


def test_the_bench_fetch_stops_with_exit_2_where_xrdcp_is_not_installed(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "bench", "fetch"],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "xrdcp is not installed" in done.stderr
