"""The parameters that JEDI is given."""

from __future__ import annotations

from api.pcs.domain import jedi
from api.pcs.domain.effective import effective
from tests.pcs_client import COMPOSED, CONFIG


def test_the_parameters_for_jedi_are_those_of_the_contract():
    task = jedi.JediTask(
        name=COMPOSED, owner="me", scope="group.EIC", detector_version="26.02.0",
        environment={"COPYRECO": "true"}, tag_labels=("p3001", "e1"),
    )  # fmt: skip
    data = {**CONFIG["data"], "walltime_hours": 2}
    made = jedi.task_parameters(task, effective({**CONFIG, "data": data}, None))
    assert made["taskName"] == COMPOSED
    assert (made["vo"], made["workingGroup"], made["taskPriority"]) == ("eic", "EIC", 900)
    assert (made["nFiles"], made["walltime"], made["skipScout"]) == (1, 7200, True)
    assert made["log"]["value"] == "p3001_e1.$PANDAID.log.${SN}.log.tgz"
    assert made["jobParameters"][0]["value"] == "COPYRECO=true ./my_script.sh"
