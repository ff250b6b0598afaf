"""What failed, why, and what to do; and nothing is said to have failed that is only unknown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flows.common.models import RequestState
from flows.common.settings import settings
from flows.submission.models import AttemptState, PandaRemark, RemarkKind
from tests.pcs_client import Pcs
from tests.support.mcp import Assistant
from tests.support.payload_logs.ready import JOB, NO_LOG, TASK, Logs, realistic_stdout
from tests.support.task_pages import OpsSide

pytestmark = pytest.mark.integration


@pytest.fixture
def logs(database, tmp_path, monkeypatch) -> Logs:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return Logs(database, tmp_path)


@pytest.fixture
def assistant(logs, served_api) -> Assistant:
    return Assistant(served_api.url, served_api.token)


@pytest.fixture
def pcs(logs, api: httpx.Client) -> Pcs:
    made = Pcs(api)
    made.make_ready("t1", sample="")
    return made


@pytest.fixture
def ops(database) -> OpsSide:
    return OpsSide(database.ops_engine)


def of_task(assistant: Assistant) -> dict[str, Any]:
    return assistant.ask("explain_failure", task="t1")


def test_a_submission_that_failed_says_at_which_step_and_why(assistant, pcs, ops):
    attempt = pcs.submit("t1")["panda_tasks"][0]
    ops.begin(state=AttemptState.FAILED, step="token", reason="no token")
    ops.stand(RequestState.FAILED, error="no token")
    body = {"panda_tasks_id": attempt["id"], "reason": "no token"}
    pcs.good("POST", "prod-tasks/record-submission-failure/", body, name="t1")
    found = of_task(assistant)
    assert (found["verdict"], found["step"], found["reason"]) == ("failed", "token", "no token")
    assert "pcs_prodtask_submit submits it again" in found["what_to_do"][0]
    request = found["related"][0]["request_id"]
    by_request = assistant.ask("explain_failure", request_id=request)
    assert (by_request["verdict"], by_request["reason"]) == ("failed", "no token")
    assert by_request["links"].keys() == {"request", "task"}


def test_what_is_unknown_is_no_failure_and_is_not_to_be_submitted_again(assistant, pcs, ops):
    pcs.submit("t1")
    ops.begin(state=AttemptState.UNKNOWN, step="reconcile", reason="prun was killed")
    ops.stand(RequestState.UNKNOWN, error="prun was killed")
    ops.tell_steps("send", "reconcile")
    found = of_task(assistant)
    assert (found["verdict"], found["step"]) == ("unknown", "reconcile")
    assert "do not submit it again" in found["what_to_do"][0]


def test_a_task_that_failed_at_panda_shows_the_errors_of_its_logs(assistant, pcs, logs, ops):
    pcs.record("t1", jedi_task_id=TASK)
    observed = {"jedi_task_id": TASK, "panda_status": "failed"}
    pcs.good("POST", "prod-tasks/record-status/", observed, name="t1")
    logs.put({"payload.stderr": realistic_stdout(0)})
    ops.add(PandaRemark(kind=RemarkKind.RUN_AGAIN, task_name="t1", panda_name="n",
                        jedi_task_id=TASK, text="PanDA runs it again"))  # fmt: skip
    found = of_task(assistant)
    assert (found["verdict"], found["step"]) == ("failed", "at PanDA")
    assert found["last_errors"][-1]["text"] == "payload finished with exit code: 65"
    assert found["related"][0]["pandaid"] == JOB
    assert found["what_to_do"][-1] == "To know: PanDA runs it again"


def test_a_task_is_explained_by_the_id_that_panda_gave_it_and_by_no_key(assistant, pcs):
    pcs.record("t1", jedi_task_id=TASK)
    assert assistant.ask("explain_failure", task=str(TASK))["about"]["name"] == "t1"
    key = pcs.task("t1")["id"]
    assert f"No task '{key}'" in assistant.refusal("explain_failure", task=str(key))


def test_a_request_that_was_cancelled_has_not_failed(assistant, logs, ops):
    asked = assistant.ask("fetch_payload_log", pandaid=JOB)["request_id"]
    ops.stand(RequestState.CANCELLED, error="a mistake")
    found = assistant.ask("explain_failure", request_id=asked)
    assert (found["verdict"], found["reason"]) == ("cancelled", "a mistake")
    assert found["what_to_do"] == ["It was cancelled; ask for it again where it is still wanted."]


def test_a_task_of_which_nothing_failed_is_not_said_to_have(assistant, pcs, ops):
    assert of_task(assistant)["verdict"] == "not_begun"
    pcs.submit("t1")
    assert of_task(assistant)["verdict"] == "under_way"
    ops.stand(RequestState.COMPLETED)
    pcs.record("t1", jedi_task_id=TASK)
    found = of_task(assistant)
    assert (found["verdict"], found["reason"]) == ("good", "PanDA said submitted last.")


def test_a_job_is_explained_by_its_log_or_by_why_there_is_none(assistant, logs):
    def of_job() -> dict[str, Any]:
        return assistant.ask("explain_failure", pandaid=JOB)

    assert (of_job()["verdict"], of_job()["about"]["log"]) == ("unknown", "unknown")
    asked = assistant.ask("fetch_payload_log", pandaid=JOB)
    assert of_job()["verdict"] == "under_way"
    logs.fail("BNL-XRD: the door is closed")
    failed = assistant.ask("explain_failure", request_id=asked["request_id"])
    assert (failed["verdict"], failed["reason"]) == ("failed", "BNL-XRD: the door is closed")
    assert "fetch it again later with force=true" in failed["what_to_do"][0]
    logs.put({"payload.stdout": realistic_stdout(0)})
    assert "Whether the job failed, PanDA says" in of_job()["reason"]
    assert len(of_job()["last_errors"]) == 3


def test_one_thing_is_explained_at_a_time(assistant):
    for arguments in ({}, {"task": "t1", "pandaid": 1}):
        refusal = assistant.refusal("explain_failure", **arguments)
        assert "Give one of task, request_id and pandaid." in refusal
    assert "there is no request 99" in assistant.refusal("explain_failure", request_id=99)
    assert NO_LOG not in assistant.refusal("explain_failure", task="nope")
