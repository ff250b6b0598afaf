"""Production tasks of the embedded PCS over REST, as the web role, on a real database."""

from __future__ import annotations

import pytest

from tests.pcs_client import COMPOSED, Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api) -> Pcs:
    return Pcs(api)


def test_the_way_of_a_task_from_its_tags_to_its_id(pcs):
    task = pcs.make_task("t1", sample="")
    assert (task["status"], task["composed_name"], task["readiness"]) == ("draft", COMPOSED, [])
    assert pcs.good("POST", "prod-tasks/t1/lock/")["status"] == "ready"
    text = pcs.send("GET", "prod-tasks/command/", name="t1", fmt="panda").text
    assert text.startswith("prun \\\n  --exec ./my_script.sh \\\n  --outDS " + COMPOSED)
    submitted = pcs.submit("t1")
    assert submitted["status"] == "ready"
    assert submitted["request"]["state"] == "queued"
    [attempt] = submitted["panda_tasks"]
    recorded = pcs.record("t1", jedi_task_id=4711, panda_tasks_id=attempt["id"]).json()
    assert (recorded["status"], recorded["panda_task_id"]) == ("submitted", 4711)
