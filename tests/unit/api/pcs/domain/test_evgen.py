"""The specification of a task that reads generated events has the contract's keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.pcs.domain.effective import ConfigNotOfForm, effective
from api.pcs.domain.evgen import InputFiles, submission_spec
from api.pcs.errors import NoArtifact
from api.pcs.models import Dataset, ProdTask, Tag
from tests.pcs_client import CONFIG, TAGS

KEYS = [
    "outDS", "vo", "userName", "workingGroup", "site", "prodSourceLabel", "taskType",
    "processingType", "containerImage", "nCore", "memory", "disk", "walltimeHours", "skipScout",
    "nJobs", "nEventsPerJob", "exec", "csvBase", "csvRows", "env",
]  # fmt: skip
ENVIRONMENT = [
    "COPYRECO", "COPYFULL", "COPYLOG", "USERUCIO", "OUT_RSE", "LOG_RSE", "DETECTOR_VERSION",
    "DETECTOR_CONFIG", "EBEAM", "PBEAM", "SIGNAL_FREQ", "SIGNAL_STATUS", "TAG_PREFIX", "BG_FILES",
]  # fmt: skip
BACKGROUND = {"signal_freq": 5, "signal_status": 0, "bg_tag_prefix": "Bkg", "bg_files": "b.json"}
FILE = "/EVGEN/DIS/NC/10x100/q2=1/lAger3.6.1-1.0_run1.hepmc3.tree.root"


def spec(*names: str, try_number: int = 1, **overrides: Any) -> dict[str, Any]:
    dataset = Dataset(
        scope="group.EIC", detector_version="26.02.0", detector_config="epic_craterlake",
        physics_tag=Tag(tag_label="p3001", parameters=TAGS["physics"]["parameters"]),
        evgen_tag=Tag(tag_label="e1", parameters=BACKGROUND),
    )  # fmt: skip
    data = {"events_per_job": 500, "log_rse": "LOG"} | overrides.pop("data", {})
    over = {"rucio_rse": "OUT", "bg_mixing": True, "data": data} | overrides
    inputs = InputFiles(
        dids=["epic:/EVGEN/x"], names=names, checked_at=datetime(2026, 6, 1, tzinfo=UTC)
    )
    task = ProdTask(created_by="me", dataset=dataset)
    return submission_spec(task, effective(CONFIG, over), inputs, try_number=try_number)


def test_the_keys_are_the_contracts_with_the_age_of_the_inputs_behind_them():
    made = spec(FILE)
    assert list(made) == [*KEYS, "inputsCheckedAt"]
    assert list(made["env"]) == ENVIRONMENT
    assert made["inputsCheckedAt"] == "2026-06-01T00:00:00+00:00"


def test_the_values_are_the_configurations_else_the_originals():
    made = spec(FILE, panda_site="", panda_working_group="", data={"skip_scout": None})
    assert (made["vo"], made["taskType"], made["site"]) == ("epic", "prod", "BNL_OSG_PanDA_1")
    assert (made["workingGroup"], made["memory"], made["disk"]) == ("EIC", 4096, 4096)
    assert (made["walltimeHours"], made["nCore"], made["nEventsPerJob"]) == (2.0, 1, 1)
    assert spec(FILE, data={"walltime_hours": 5})["walltimeHours"] == 5
    assert spec(FILE, target_hours_per_job=0.5)["walltimeHours"] == 0.5


def test_a_file_is_a_row_by_its_longest_known_extension():
    made = spec(FILE, "/EVGEN/b.v1.hepmc")
    assert made["csvRows"] == [
        "DIS/NC/10x100/q2=1/lAger3.6.1-1.0_run1,hepmc3.tree.root,500,0000",
        "b.v1,hepmc,500,0000",
    ]
    assert made["nJobs"] == 2


def test_the_names_are_made_of_release_detector_prefix_and_directory():
    stem = "26.02.0.epic_craterlake.Bkg.DIS.NC.10x100.q2-1"
    made = spec(FILE)
    assert (made["outDS"], made["csvBase"]) == (f"group.EIC.{stem}", stem)
    assert made["exec"] == f"python3 evgen_job_dispatcher.py %RNDM=0 {stem}"


def test_a_later_attempt_writes_to_a_directory_of_its_own():
    assert spec(FILE, try_number=3)["env"]["TAG_PREFIX"] == "Bkg/try3"
    made = spec(FILE, try_number=2, bg_mixing=False)
    assert made["env"]["TAG_PREFIX"] == "try2"
    assert made["outDS"].endswith("epic_craterlake.try2.DIS.NC.10x100.q2-1")


def test_without_an_image_it_is_that_of_the_release():
    made = spec(FILE, container_image="", jug_xl_tag="26.02.0-stable")
    assert made["containerImage"].endswith("/eicweb/eic_xl:26.02.0-stable")


@pytest.mark.parametrize(
    ("names", "overrides", "reason"),
    [
        ([FILE], {"data": {"events_per_job": None}}, "data.events_per_job is not set"),
        ([], {}, "the input epic:/EVGEN/x has no files"),
        ([FILE], {"container_image": "", "jug_xl_tag": ""}, "no container: set container_image"),
        (["/EVGEN/a.root"], {}, "is of no kind that jobs read: hepmc3.tree.root"),
        (["/EVGEN/a,b.hepmc"], {}, "cannot stand in the list"),
        (["/EVGEN/a\nb.hepmc"], {}, "cannot stand in the list"),
    ],
)
def test_what_is_missing_is_said(names, overrides, reason):
    with pytest.raises(NoArtifact, match=reason):
        spec(*names, **overrides)


def test_a_name_that_panda_cannot_have_is_refused():
    with pytest.raises(ConfigNotOfForm, match="outDS"):
        spec("/EVGEN/a$b/c.hepmc")
