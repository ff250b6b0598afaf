"""Names at Rucio and requested paths, taken apart."""

from __future__ import annotations

import pytest

from flows.provenance.domain import names

ROOT = "/volatile/eic/EPIC/EVGEN"


def test_a_produced_name_has_its_parts():
    parsed = names.parse("/RECO/26.05.0/epic_craterlake/DIS/NC/10x100/minQ2=1")
    assert (parsed.stage, parsed.campaign, parsed.detector_config) == (
        "RECO",
        "26.05.0",
        "epic_craterlake",
    )
    assert (parsed.background, parsed.suffix) == ("", "DIS/NC/10x100/minQ2=1")


@pytest.mark.parametrize(
    "background", ["Bkg_Exact1S_2us/GoldCt/10um", "Bkg_A/Synrad/GoldCt/5.5um", "Bkg_only"]
)
def test_a_background_prefix_is_not_of_the_suffix(background: str):
    parsed = names.parse(f"/RECO/26.05.0/epic/{background}/DIS/NC/10x100")
    assert (parsed.background, parsed.suffix) == (background, "DIS/NC/10x100")


def test_what_only_looks_like_a_background_is_of_the_suffix():
    parsed = names.parse("/RECO/26.05.0/epic/BACKGROUNDS/GoldCt/10um/x")
    assert (parsed.background, parsed.suffix) == ("", "BACKGROUNDS/GoldCt/10um/x")


@pytest.mark.parametrize("name", ["/", "/RECO", "/RECO/26.05.0", "/RECO/26.05.0/log"])
def test_a_short_name_has_no_detector(name: str):
    parsed = names.parse(name)
    assert parsed.name == name
    assert parsed.detector_config == ""


def test_an_input_belongs_to_evgen():
    parsed = names.parse("/EVGEN/DIS/NC/10x100")
    assert (parsed.stage, parsed.campaign, parsed.suffix) == ("EVGEN", "EVGEN", "DIS/NC/10x100")


def test_a_trailing_slash_is_no_part_of_a_path():
    assert names.trimmed(f" {ROOT}/DIS/10GeV// ") == f"{ROOT}/DIS/10GeV"
    assert names.suffix_of(f"{ROOT}/DIS/10GeV", ROOT) == "DIS/10GeV"


@pytest.mark.parametrize("path", [ROOT, "/other/DIS", f"{ROOT}2/DIS", ""])
def test_a_path_outside_the_root_has_no_suffix(path: str):
    assert names.suffix_of(path, ROOT) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("DIS/pythia8.316-1.0/NC", "DIS/pythia8.317-2.1/NC"),
        ("DEMP/DEMPgen-1.2.4/pi+", "DEMP/DEMPgen-1.2.5/pi+"),
        ("SIDIS/pythia6-eic/1.0.0/10x100", "SIDIS/pythia6-eic/1.1.0/10x100"),
        ("DVCS/EpIC_v1.1.6-1.2/x", "DVCS/EpIC_v1.1.8-1.4/x"),
    ],
)
def test_versions_of_a_generator_are_told_from_the_rest(one: str, other: str):
    assert names.without_version(one) == names.without_version(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ALP/ma_0.1", "ALP/ma_0.2"), ("DIS/10x100", "DIS/10x275"), ("a1.0-1.0/x", "b1.0-1.0/x")],
)
def test_what_is_no_version_stays(one: str, other: str):
    assert names.without_version(one) != names.without_version(other)


def test_a_family_takes_its_editions_and_no_other():
    assert names.is_edition("26.07.1", "26.07")
    assert names.is_edition("26.07", "26.07")
    assert not names.is_edition("26.070.1", "26.07")
    assert not names.is_edition("26.07.10", "26.07.1")
    assert names.are_related("26.07", "26.07.1")
    assert names.family_of("26.07.1") == names.family_of("26.07") == "26.07"


def test_a_family_asks_for_its_editions_too():
    assert names.patterns(["RECO"], "26.07") == ["/RECO/26.07/*", "/RECO/26.07.*/*"]
    assert names.patterns(["RECO", "FULL"], "26.07.1") == ["/RECO/26.07.1/*", "/FULL/26.07.1/*"]
