"""The attempts of a task: their names, which no other attempt ever has."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from api.pcs.models import Attempt
from flows.common.database import transaction
from flows.common.models import Request

pytestmark = pytest.mark.integration


def test_a_failed_attempts_name_is_never_used_again(pcs, failed):
    assert (failed["status"], failed["panda_task_id"]) == ("ready", None)
    first, second = pcs.submit()["panda_tasks"]
    assert (first["status_snapshot"], first["metadata"]) == (
        "submit_failed", {"submit_failure": "no token"}
    )  # fmt: skip
    assert second["task_name"] == f"{failed['composed_name']}.try2"


def test_a_task_with_attempts_is_not_deleted(pcs, failed):
    answer = pcs.send("DELETE", f"prod-tasks/{failed['name']}/")
    assert (answer.status_code, "has attempts" in answer.text) == (409, True)


def test_the_name_of_another_tasks_attempt_is_not_used(pcs, ready, database, count):
    pcs.submit()
    pcs.make_task("other", sample="other")
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql(
            "UPDATE pcs_panda_tasks SET task_name = task_name || 'x', out_ds = 'x'"
        )
        name = session.scalar(select(Attempt.task_name))
    other = pcs.make_task("third", sample="dis-10x100x")
    assert other["composed_name"] == name
    pcs.good("POST", "prod-tasks/third/lock/")
    assert pcs.send("POST", "prod-tasks/third/submit/").status_code == 409
    assert count(Request) == 1
