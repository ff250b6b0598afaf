"""One task's page: what will run, what is missing, and what was done with it at PanDA."""

from __future__ import annotations

import re

import pytest

from flows.common.database import now
from flows.common.models import RequestState
from flows.submission.models import (
    OperationStatus,
    PandaOperation,
    PandaRemark,
    SubmissionResolution,
)
from tests.pcs_client import COMPOSED
from tests.support.task_pages import page_of

pytestmark = pytest.mark.integration


def test_what_is_missing_is_listed_and_overrides_are_marked(pcs, reader):
    pcs.make_task(
        "t1", sample="", is_locked=False, overrides={"panda_site": "JLAB", "data": {"n_jobs": 7}}
    )
    page = page_of(reader)
    readiness = re.search(r'id="readiness">(.*?)</dd>', page, re.DOTALL)[1]
    assert readiness.count("is a draft; lock it") == 4
    overridden = re.findall(r'class="overridden"><th scope="row">([^<]*)', page)
    assert overridden == ["panda_site", "data.n_jobs"]
    assert "--site JLAB" in page
    assert re.search(r'id="do-submit"[^>]* disabled', page)


def test_the_rules_that_hold_are_shown(pcs, reader, monkeypatch, restart):
    pcs.make_task("t1", sample="", is_locked=False)
    assert "strict rules" in page_of(reader)
    monkeypatch.setenv("PRODOPS_PCS_RELAXED", "true")
    restart()
    page = page_of(reader)
    assert 'class="badge warned" id="rules"' in page
    assert not re.search(r'id="do-submit"[^>]* disabled', page)


def operation_of(
    request_id: int, operation: str, status: OperationStatus, **parameters: int
) -> PandaOperation:
    return PandaOperation(
        request_id=request_id, jedi_task_id=42, task_name="t1", operation=operation,
        parameters=parameters, requested_by="tester", reason="lost <jobs>", requested_at=now(),
        completed_at=now(), status=status, diagnostic="PanDA took it", observed_status="running",
    )  # fmt: skip


def test_operations_and_those_that_wait_are_shown_with_who_and_why(asked, reader, ops_side):
    row = asked.task("t1")["panda_tasks"][0]
    ops_side.stand(RequestState.COMPLETED)
    asked.record("t1", jedi_task_id=42, panda_tasks_id=row["id"])
    wish = {"increase": 3, "reason": "lost <jobs>"}
    queued = asked.good("POST", "prod-tasks/t1/panda-add-retry/", wish)
    page = page_of(reader)
    assert "increase attempts" in page
    assert "waiting for the ops side for" in page
    number = queued["request_id"]
    ops_side.add(
        operation_of(number, "increase_attempts", OperationStatus.VERIFIED, increase=3),
        operation_of(number + 1000, "pause", OperationStatus.FAILED),
    )
    page = page_of(reader)
    assert "increase attempts by 3" in page
    assert "lost &lt;jobs&gt;" in page
    assert 'data-state="verified"' in page
    assert "waiting for the ops side for" not in page


def test_a_task_that_ended_in_part_says_so_with_how_many_inputs_failed(recorded, reader):
    seen = {"jedi_task_id": 4711, "panda_status": "finished", "inputs": 100, "inputs_failed": 4}
    recorded.good("POST", "prod-tasks/record-status/", seen, name="t1")
    page = page_of(reader)
    assert 'data-state="partly completed"' in page
    assert "4 of 100 inputs failed for good" in page
    assert 'data-state="partly completed"' in reader.get("/pcs/tasks/").text


@pytest.mark.usefixtures("recorded")
def test_what_a_sync_noticed_is_said_and_an_operator_may_settle_it(reader, ops_side):
    common = {"task_name": "t1", "panda_name": COMPOSED, "jedi_task_id": 4711}
    ops_side.add(
        PandaRemark(kind="foreign", text="it is <b>elm</b>", **common),
        PandaRemark(kind="run_again", text="over", cleared_at=now(), **common),
    )
    page = page_of(reader)
    assert 'data-remark="foreign">it is &lt;b&gt;elm&lt;/b&gt;' in page
    assert 'data-remark="run_again"' not in page
    assert 'id="do-adopt"' in page


def test_a_decision_is_shown_with_who_when_and_why(pcs, reader, ops_side):
    pcs.make_ready("t1", sample="")
    ops_side.add(
        SubmissionResolution(
            request_id=1, task_name="t1", panda_name=COMPOSED, outcome="adopted", jedi_task_id=9,
            former_jedi_task_id=4, reason="seen there", resolved_by="ann",
            differs="--nJobs 1, ours 5",
        )
    )  # fmt: skip
    page = page_of(reader)
    assert "ann resolved" in page
    assert "it is jediTaskID 9 instead of 4" in page
    assert "Why: seen there" in page
    assert "It differs: --nJobs 1, ours 5" in page
    assert 'id="do-adopt"' not in page
