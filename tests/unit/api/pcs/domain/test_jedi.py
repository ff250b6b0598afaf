"""The parameters that JEDI is given bring a task to `ready`."""

from __future__ import annotations

from typing import Any

import pytest

from api.pcs.domain import jedi
from api.pcs.domain.effective import ConfigNotOfForm, effective
from api.pcs.models import Dataset, ProdTask, Tag
from tests.pcs_client import COMPOSED, CONFIG, TAGS


def parameters(location: str = "", **overrides: Any) -> dict[str, Any]:
    dataset = Dataset(
        scope="group.EIC", detector_version="26.02.0", detector_config="epic_craterlake",
        physics_tag=Tag(tag_label="p3001", parameters=TAGS["physics"]["parameters"]),
        evgen_tag=Tag(tag_label="e1", parameters={}),
    )  # fmt: skip
    task = ProdTask(created_by="me", dataset=dataset)
    config = effective({**CONFIG, "copy_reco": True}, overrides)
    return jedi.task_parameters(task, COMPOSED, config, input_location=location)


def test_the_parameters_for_jedi_are_those_of_the_contract():
    made = parameters(target_hours_per_job=2)
    assert list(made)[:5] == ["taskName", "userName", "vo", "workingGroup", "campaign"]
    assert (made["taskName"], made["userName"], made["campaign"]) == (COMPOSED, "me", "26.02.0")
    assert (made["vo"], made["workingGroup"], made["taskPriority"]) == ("eic", "EIC", 900)
    assert (made["nFiles"], made["walltime"], made["skipScout"]) == (1, 7200, True)
    assert made["log"]["value"] == "p3001_e1.$PANDAID.log.${SN}.log.tgz"


def test_the_keys_are_there_without_which_jedi_breaks_a_task():
    made = parameters()
    assert (made["architecture"], made["transUses"], made["transHome"]) == ("", "", "")
    assert made["cloud"] == "EIC"


@pytest.mark.parametrize(
    ("overrides", "seconds"),
    [
        ({}, None),
        ({"target_hours_per_job": 0.5}, 1800),
        ({"data": {"walltime_hours": 5}}, None),
        ({"target_hours_per_job": 1.25, "data": {"walltime_hours": 5}}, 4500),
    ],
)
def test_the_walltime_is_that_of_the_jobs_target(overrides, seconds):
    assert parameters(**overrides).get("walltime") == seconds


def test_the_jobs_get_their_environment_before_the_command():
    [constant, _output] = parameters("EVGEN/a b.csv")["jobParameters"]
    assert constant["value"] == (
        "EBEAM=10 PBEAM=100 DETECTOR_VERSION=26.02.0 DETECTOR_CONFIG=epic_craterlake "
        "COPYRECO=true COPYFULL=false COPYLOG=false CSV_FILE='EVGEN/a b.csv' ./my_script.sh"
    )


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"data": {"cloud": "x" * 11}}, "data.cloud"),
        ({"panda_site": "x" * 61}, "panda_site"),
        ({"panda_site": "a b"}, "panda_site"),
    ],
)
def test_what_jedi_could_not_keep_is_refused_by_its_field(overrides, field):
    with pytest.raises(ConfigNotOfForm) as refused:
        parameters(**overrides)
    assert list(refused.value.problems) == [field]
