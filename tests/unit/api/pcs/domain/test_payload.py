"""The environment of a task's jobs is the original's."""

from __future__ import annotations

from typing import Any

from api.pcs.domain.effective import effective
from api.pcs.domain.payload import environment
from api.pcs.models import Dataset, Tag
from tests.pcs_client import CONFIG, TAGS

IN_GENERATOR = {"signal_freq": 0, "signal_status": 2, "bg_tag_prefix": "Bkg_1", "bg_files": "[a,b]"}


def dataset(evgen: dict[str, Any] | None = None, background: Tag | None = None) -> Dataset:
    return Dataset(
        detector_version="26.02.0",
        detector_config="epic_craterlake",
        physics_tag=Tag(parameters=TAGS["physics"]["parameters"]),
        evgen_tag=Tag(parameters=evgen or {}),
        background_tag=background,
    )


def variables(of: Dataset, location: str = "", **overrides: object) -> dict[str, str]:
    config = effective({**CONFIG, "copy_reco": True, "jug_xl_tag": "26.02.0-stable"}, overrides)
    return environment(of, config, input_location=location)


def test_the_variables_are_those_of_the_original_in_its_order():
    assert list(variables(dataset(), "EVGEN/DIS/10x100.csv").items()) == [
        ("EBEAM", "10"),
        ("PBEAM", "100"),
        ("DETECTOR_VERSION", "26.02.0"),
        ("DETECTOR_CONFIG", "epic_craterlake"),
        ("JUG_XL_TAG", "26.02.0-stable"),
        ("COPYRECO", "true"),
        ("COPYFULL", "false"),
        ("COPYLOG", "false"),
        ("CSV_FILE", "EVGEN/DIS/10x100.csv"),
    ]


def test_what_has_no_value_is_left_out():
    bare = variables(dataset(), jug_xl_tag="")
    assert {"JUG_XL_TAG", "CSV_FILE"} & set(bare) == set()
    untagged = dataset()
    untagged.physics_tag = None
    assert {"EBEAM", "PBEAM"} & set(variables(untagged)) == set()


def test_background_is_in_it_where_it_is_mixed_in():
    assert "BG_FILES" not in variables(dataset(IN_GENERATOR))
    mixed = variables(dataset(IN_GENERATOR), bg_mixing=True)
    assert list(mixed.items())[-4:] == [
        ("SIGNAL_FREQ", "0"), ("SIGNAL_STATUS", "2"), ("TAG_PREFIX", "Bkg_1"),
        ("BG_FILES", "[a,b]"),
    ]  # fmt: skip


def test_a_background_tag_comes_before_the_generators_parameters():
    tag = Tag(parameters={"background_type": "beam gas", "bg_files": "[c]"})
    mixed = variables(dataset(IN_GENERATOR, tag), bg_mixing=True)
    assert (mixed["BG_FILES"], mixed["TAG_PREFIX"]) == ("[c]", "Bkg_1")
