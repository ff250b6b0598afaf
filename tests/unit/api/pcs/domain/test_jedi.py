"""The parameters that JEDI is given."""

from __future__ import annotations

from api.pcs.domain import jedi
from api.pcs.domain.effective import effective
from api.pcs.models import Dataset, ProdTask, Tag
from tests.pcs_client import COMPOSED, CONFIG


def test_the_parameters_for_jedi_are_those_of_the_contract():
    dataset = Dataset(
        scope="group.EIC", detector_version="26.02.0", detector_config="epic_craterlake",
        physics_tag=Tag(tag_label="p3001"), evgen_tag=Tag(tag_label="e1"),
    )  # fmt: skip
    task = ProdTask(created_by="me", dataset=dataset)
    data = {**CONFIG["data"], "walltime_hours": 2}
    config = effective({**CONFIG, "data": data, "copy_reco": True}, None)
    made = jedi.task_parameters(task, COMPOSED, config)
    assert list(made)[:5] == ["taskName", "userName", "vo", "workingGroup", "campaign"]
    assert (made["taskName"], made["userName"], made["campaign"]) == (COMPOSED, "me", "26.02.0")
    assert (made["vo"], made["workingGroup"], made["taskPriority"]) == ("eic", "EIC", 900)
    assert (made["nFiles"], made["walltime"], made["skipScout"]) == (1, 7200, True)
    assert made["log"]["value"] == "p3001_e1.$PANDAID.log.${SN}.log.tgz"
    assert made["jobParameters"][0]["value"] == (
        "COPYRECO=true COPYFULL=false COPYLOG=false USERUCIO=false "
        "DETECTOR_VERSION=26.02.0 DETECTOR_CONFIG=epic_craterlake ./my_script.sh"
    )
