"""The Condor command is the original's, and quotes what a shell would read."""

from __future__ import annotations

import pytest

from api.pcs.domain import condor
from api.pcs.domain.effective import ConfigNotOfForm, effective
from api.pcs.errors import NoArtifact
from api.pcs.models import Dataset, Tag
from tests.pcs_client import CONFIG, TAGS

DATASET = Dataset(
    scope="group.EIC", detector_version="26.02.0", detector_config="epic_craterlake",
    physics_tag=Tag(tag_label="p3001", parameters=TAGS["physics"]["parameters"]),
    evgen_tag=Tag(tag_label="e1", parameters={"bg_files": "a b"}),
)  # fmt: skip


def command(location: str = "EVGEN/a.csv", **overrides: object) -> str:
    config = effective({**CONFIG, "use_rucio": True}, overrides)
    return condor.compose(DATASET, config, input_location=location)


def test_the_command_has_its_variables_before_it():
    assert command(rucio_rse="EIC-XRD").splitlines() == [
        "EBEAM=10 \\",
        "  PBEAM=100 \\",
        "  DETECTOR_VERSION=26.02.0 \\",
        "  DETECTOR_CONFIG=epic_craterlake \\",
        "  COPYRECO=false \\",
        "  COPYFULL=false \\",
        "  COPYLOG=false \\",
        "  USERUCIO=true \\",
        "  X509_USER_PROXY=secrets/x509_user_proxy \\",
        "  OUT_RSE=EIC-XRD \\",
        "  CSV_FILE=EVGEN/a.csv \\",
        "  scripts/submit_csv.sh osg_csv hepmc3 EVGEN/a.csv 2",
    ]


def test_the_hours_are_the_jobs_target_and_texts_are_quoted():
    made = command("EVGEN/a b;rm.csv", target_hours_per_job=0.5, bg_mixing=True)
    assert made.endswith("scripts/submit_csv.sh osg_csv hepmc3 'EVGEN/a b;rm.csv' 0.5")
    assert "BG_FILES='a b'" in made


def test_without_a_list_of_inputs_it_says_what_to_set():
    with pytest.raises(NoArtifact, match="set csv_file, or link a dataset"):
        command("")


def test_a_value_that_may_not_stand_in_a_command_is_named():
    with pytest.raises(ConfigNotOfForm) as refused:
        command(rucio_rse="a b")
    assert list(refused.value.problems) == ["rucio_rse"]
