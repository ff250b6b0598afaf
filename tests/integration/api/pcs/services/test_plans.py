"""What a task lacks before it can be submitted."""

from __future__ import annotations

import pytest

from tests.pcs_client import CONFIG, DATA

pytestmark = pytest.mark.integration

NAME = "dis-10x100"
TASK = f"prod-tasks/{NAME}"


def test_a_name_that_is_too_long_for_prun_is_not_ready(pcs):
    task = pcs.make_task(NAME, sample="x" * 90)
    assert "--outDS is too long by 25 characters" in task["readiness"][0]
    assert pcs.send("POST", f"{TASK}/lock/").status_code == 400


def test_a_task_that_is_not_official_is_not_ready(pcs):
    config = CONFIG | {"data": {"exec_command": DATA["exec_command"]}}
    task = pcs.make_task(NAME, config=config)
    assert "official" in task["readiness"][0]
