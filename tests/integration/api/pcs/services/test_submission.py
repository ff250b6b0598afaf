"""Submitting over REST: one request and one attempt for one intent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from api.pcs.models import Attempt
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

NAME = "dis-10x100"
TASK = f"prod-tasks/{NAME}"


def test_a_submission_is_an_attempt_and_a_request_that_names_it(pcs, ready, database):
    task = pcs.submit()
    [attempt] = task["panda_tasks"]
    assert (attempt["try_number"], attempt["task_name"]) == (1, ready["composed_name"])
    assert attempt["association_source"] == "pcs_submit_request"
    assert attempt["log_ds"] == f"{ready['composed_name']}.log/"
    with transaction(database.ops_engine) as session:
        request = session.scalars(select(Request)).one()
    assert request.parameters == {
        "task_name": NAME, "panda_tasks_id": attempt["id"],
        "panda_task_name": attempt["task_name"], "follows": None,
    }  # fmt: skip
    assert (request.action, request.requested_by) == ("submit_task", "tester")
    assert task["request"]["url"] == f"/api/requests/{request.id}/"
    assert task["warnings"] == []


def test_submits_at_once_are_one_request_and_one_attempt(pcs, ready, count):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: pcs.send("POST", f"{TASK}/submit/"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["request"]["id"] for answer in answers}) == 1
    assert (count(Request), count(Attempt)) == (1, 1)


def test_a_request_whose_outcome_is_unknown_is_joined(pcs, ready, count, end_requests):
    first = pcs.submit()["request"]["id"]
    end_requests(RequestState.UNKNOWN)
    again = pcs.submit()
    assert (again["request"]["id"], again["request"]["state"]) == (first, "unknown")
    assert count(Attempt) == 1


def test_a_submitted_task_is_not_submitted_again(pcs, submitted, count):
    answer = pcs.send("POST", f"{TASK}/submit/")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Already submitted as jediTaskID 4711."}
    assert count(Request) == 1


def test_a_draft_is_not_submitted(pcs, count):
    pcs.make_task(NAME)
    answer = pcs.send("POST", f"{TASK}/submit/")
    text = "Only a locked (ready) task can be submitted to PanDA."
    assert (answer.status_code, answer.json()) == (400, {"detail": text})
    assert (count(Request), count(Attempt)) == (0, 0)


def test_readiness_is_looked_at_again(pcs, ready, database, count):
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql(
            "UPDATE pcs_prod_config SET panda_resource_type = 'MCORE'"
        )
    answer = pcs.send("POST", f"{TASK}/submit/")
    assert (answer.status_code, "--resourceType" in answer.text) == (400, True)
    text = pcs.send("GET", "prod-tasks/command/", name=NAME).text
    assert "--resourceType MCORE" in text
    assert count(Attempt) == 0


def test_nothing_of_a_task_changes_while_its_submission_is_open(pcs, ready):
    pcs.submit()
    for method, path, body in (
        ("PATCH", "/", {"priority": 1}), ("DELETE", "/", None),
        ("POST", "/set-status/", {"status": "draft"}), ("POST", "/link-input/", {"did": "a:b"}),
    ):  # fmt: skip
        answer = pcs.send(method, TASK + path, body)
        assert answer.status_code == 409, path
        assert "is being submitted" in answer.json()["detail"]
    path = f"prod-configs/{ready['prod_config']}/"
    assert pcs.send("PATCH", path, {"panda_site": "X"}).status_code == 409


# ------------------------------------------------------------------ running again


def test_a_task_that_was_never_submitted_cannot_run_again(pcs, ready):
    answer = pcs.send("POST", f"{TASK}/rerun-entire-task/")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "No recorded submission to rerun."}


def test_a_rerun_keeps_the_id_until_the_new_one_is_recorded(pcs, submitted, end_requests):
    end_requests()
    answer = pcs.send("POST", f"{TASK}/rerun-entire-task/")
    waiting = answer.json()
    assert (answer.status_code, waiting["request"]["state"]) == (202, "queued")
    assert (waiting["status"], waiting["panda_task_id"]) == ("submitted", 4711)
    second = waiting["panda_tasks"][1]
    assert second["task_name"] == f"{submitted['composed_name']}.try2"
    assert len(pcs.good("POST", f"{TASK}/rerun-entire-task/")["panda_tasks"]) == 2
    task = pcs.record(jedi_task_id=4800, panda_tasks_id=second["id"]).json()
    assert (task["status"], task["panda_task_id"]) == ("submitted", 4800)
    first = pcs.record(jedi_task_id=4711, panda_tasks_id=task["panda_tasks"][0]["id"]).json()
    assert first["panda_task_id"] == 4800


def test_a_rerun_that_fails_leaves_the_record(pcs, submitted, end_requests):
    end_requests()
    second = pcs.good("POST", f"{TASK}/rerun-entire-task/")["panda_tasks"][1]
    body = {"panda_tasks_id": second["id"], "reason": "x"}
    task = pcs.good("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert (task["status"], task["panda_task_id"]) == ("submitted", 4711)


# ------------------------------------------------------------------ operating


OPERATIONS = [
    ("panda-add-retry", {"increase": 2, "reason": "r"}, "increase_attempts"),
    ("panda-retry-failures", {"new_parameters": {"ramCount": 4000}}, "retry_failures"),
    ("panda-pause", {}, "pause"),
    ("panda-resume", {"jedi_task_id": 4711}, "resume"),
]


def test_an_operation_is_a_request(pcs, submitted, database):
    for path, body, operation in OPERATIONS:
        answer = pcs.send("POST", f"{TASK}/{path}/", body)
        told = answer.json()
        assert (answer.status_code, told["queued"], told["operation"]) == (202, True, operation)
        with transaction(database.ops_engine) as session:
            request = session.get_one(Request, told["request_id"])
        assert request.action == "panda_task_operation"
        assert body.items() <= request.parameters.items()
        assert request.parameters["jedi_task_id"] == told["jedi_task_id"] == 4711
        assert request.requested_by == "tester"


def test_an_operation_wants_an_id_of_the_task(pcs, ready, count):
    assert pcs.send("POST", f"{TASK}/panda-pause/", {}).status_code == 409
    pcs.record(jedi_task_id=1)
    answer = pcs.send("POST", f"{TASK}/panda-pause/", {"jedi_task_id": 2})
    assert (answer.status_code, "not of task" in answer.text) == (409, True)
    assert count(Request) == 0


def test_an_operation_that_is_not_of_its_form_is_refused(pcs, submitted):
    for increase in (0, 101, "x", None, True, 1.5):
        answer = pcs.send("POST", f"{TASK}/panda-add-retry/", {"increase": increase})
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("increase")


# ------------------------------------------------------------------ relaxed


@pytest.fixture
def relaxed(monkeypatch, request) -> Pcs:
    monkeypatch.setenv("PRODOPS_PCS_RELAXED", "true")
    return Pcs(request.getfixturevalue("api"))


def test_relaxed_a_draft_with_draft_tags_is_submitted_with_warnings(relaxed):
    task = relaxed.make_task(NAME, is_locked=False)
    assert (task["is_relaxed"], task["readiness"]) == (True, [])
    submitted = relaxed.submit()
    assert (submitted["status"], len(submitted["warnings"])) == ("draft", 4)
    key = submitted["panda_tasks"][0]["id"]
    recorded = relaxed.record(jedi_task_id=1, panda_tasks_id=key).json()
    assert recorded["status"] == "submitted"


def test_relaxed_anyone_who_may_write_changes_a_task(relaxed, served_api):
    relaxed.make_ready(NAME)
    with served_api.client(token=None) as client:
        other = Pcs(client, user="somebody")
        assert other.good("PATCH", f"{TASK}/", {"priority": 1})["priority"] == 1
        assert other.submit()["request"]["state"] == "queued"


def test_relaxed_a_value_that_is_not_of_its_form_is_still_refused(relaxed, database, count):
    relaxed.make_task(NAME)
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql("UPDATE pcs_prod_config SET panda_site = 'a; b'")
    answer = relaxed.send("POST", f"{TASK}/submit/")
    assert (answer.status_code, "panda_site" in answer.json()) == (400, True)
    assert count(Attempt) == 0
