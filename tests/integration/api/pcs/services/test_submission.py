"""Submitting over REST: one request and one attempt for one intent, and what is recorded of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from api.pcs.models import Attempt
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.pcs_client import CONFIG, DATA, Pcs

pytestmark = pytest.mark.integration

NAME = "dis-10x100"
TASK = f"prod-tasks/{NAME}"


@pytest.fixture
def pcs(api) -> Pcs:
    return Pcs(api)


@pytest.fixture
def ready(pcs) -> dict:
    return pcs.make_ready(NAME)


@pytest.fixture
def submitted(pcs, ready) -> dict:
    """The task, its first attempt recorded as 4711, and the request for it completed."""
    attempt = pcs.submit()["panda_tasks"][0]
    return pcs.record(jedi_task_id=4711, panda_tasks_id=attempt["id"]).json()


def count(database, model) -> int:
    with transaction(database.ops_engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def end_requests(database, state: RequestState = RequestState.COMPLETED) -> None:
    with transaction(database.ops_engine) as session:
        session.execute(update(Request).values(state=state))


def failed_once(pcs, database) -> dict:
    """The task after its first attempt failed before it reached PanDA."""
    attempt = pcs.submit()["panda_tasks"][0]
    body = {"panda_tasks_id": attempt["id"], "reason": "no token"}
    task = pcs.good("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    end_requests(database, RequestState.FAILED)
    return task


# ------------------------------------------------------------------ submitting


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


def test_submits_at_once_are_one_request_and_one_attempt(pcs, ready, database):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: pcs.send("POST", f"{TASK}/submit/"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["request"]["id"] for answer in answers}) == 1
    assert (count(database, Request), count(database, Attempt)) == (1, 1)


def test_a_request_whose_outcome_is_unknown_is_joined(pcs, ready, database):
    first = pcs.submit()["request"]["id"]
    end_requests(database, RequestState.UNKNOWN)
    again = pcs.submit()
    assert (again["request"]["id"], again["request"]["state"]) == (first, "unknown")
    assert count(database, Attempt) == 1


def test_a_submitted_task_is_not_submitted_again(pcs, submitted, database):
    answer = pcs.send("POST", f"{TASK}/submit/")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Already submitted as jediTaskID 4711."}
    assert count(database, Request) == 1


def test_a_draft_is_not_submitted(pcs, database):
    pcs.make_task(NAME)
    answer = pcs.send("POST", f"{TASK}/submit/")
    text = "Only a locked (ready) task can be submitted to PanDA."
    assert (answer.status_code, answer.json()) == (400, {"detail": text})
    assert (count(database, Request), count(database, Attempt)) == (0, 0)


def test_readiness_is_looked_at_again(pcs, ready, database):
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql(
            "UPDATE pcs_prod_config SET panda_resource_type = 'MCORE'"
        )
    answer = pcs.send("POST", f"{TASK}/submit/")
    assert (answer.status_code, "--resourceType" in answer.text) == (400, True)
    text = pcs.send("GET", "prod-tasks/command/", name=NAME).text
    assert "--resourceType MCORE" in text
    assert count(database, Attempt) == 0


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


def test_a_failed_attempts_name_is_never_used_again(pcs, ready, database):
    task = failed_once(pcs, database)
    assert (task["status"], task["panda_task_id"]) == ("ready", None)
    first, second = pcs.submit()["panda_tasks"]
    assert (first["status_snapshot"], first["metadata"]) == (
        "submit_failed", {"submit_failure": "no token"}
    )  # fmt: skip
    assert second["task_name"] == f"{ready['composed_name']}.try2"


def test_a_task_with_attempts_is_not_deleted(pcs, ready, database):
    failed_once(pcs, database)
    answer = pcs.send("DELETE", f"{TASK}/")
    assert (answer.status_code, "has attempts" in answer.text) == (409, True)


def test_the_name_of_another_tasks_attempt_is_not_used(pcs, ready, database):
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
    assert count(database, Request) == 1


# ------------------------------------------------------------------ recording


def test_the_same_id_again_changes_nothing(pcs, submitted):
    again = pcs.record(jedi_task_id=4711, panda_tasks_id=submitted["panda_tasks"][0]["id"])
    assert (again.status_code, again.json()) == (200, submitted)
    assert pcs.record(jedi_task_id=4711).json() == submitted


def test_records_at_once_are_one(pcs, ready):
    key = pcs.submit()["panda_tasks"][0]["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: pcs.record(jedi_task_id=n % 2 + 1, panda_tasks_id=key), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [409] * 4


def test_another_id_for_an_attempt_is_refused_unless_it_replaces_the_recorded_one(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    assert pcs.record(jedi_task_id=5, panda_tasks_id=key).status_code == 409
    assert pcs.record(jedi_task_id=5, panda_tasks_id=key, replaces=3).status_code == 409
    replaced = pcs.record(jedi_task_id=5, panda_tasks_id=key, replaces=4711).json()
    assert (replaced["panda_task_id"], replaced["panda_tasks"][0]["jedi_task_id"]) == (5, 5)
    assert replaced["panda_tasks"][0]["metadata"]["replaced_jedi_task_ids"] == [4711]
    again = pcs.record(jedi_task_id=5, panda_tasks_id=key, replaces=4711)
    assert (again.status_code, again.json()) == (200, replaced)


def test_a_submission_by_hand_is_recorded_without_an_attempt(pcs, ready):
    task = pcs.record(jedi_task_id=9).json()
    [attempt] = task["panda_tasks"]
    assert (task["status"], task["panda_task_id"]) == ("submitted", 9)
    assert attempt["task_name"] == ready["composed_name"]
    assert attempt["association_source"] == "record_submission"
    answer = pcs.record(jedi_task_id=10)
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "Task already records panda_task_id=9, cannot overwrite with 10."
    }


def test_a_submission_by_hand_takes_up_the_attempt_that_failed_under_its_name(pcs, ready, database):
    failed_once(pcs, database)
    task = pcs.record(jedi_task_id=9).json()
    [attempt] = task["panda_tasks"]
    assert (attempt["jedi_task_id"], attempt["association_source"]) == (9, "pcs_submit_request")


def test_a_draft_takes_no_submission(pcs):
    pcs.make_task(NAME)
    assert pcs.record(jedi_task_id=9).status_code == 400
    assert pcs.task()["panda_tasks"] == []


def test_an_id_that_another_task_has_is_refused(pcs, submitted):
    pcs.make_ready("other")
    answer = pcs.record("other", jedi_task_id=4711)
    assert answer.status_code == 409
    assert submitted["composed_name"] in answer.json()["detail"]


def test_a_name_that_is_not_the_attempts_is_refused(pcs, ready):
    key = pcs.submit()["panda_tasks"][0]["id"]
    name = ready["composed_name"]
    wrong = pcs.record(jedi_task_id=1, panda_tasks_id=key, panda_task_name=f"{name}.try2")
    assert wrong.status_code == 409
    right = pcs.record(jedi_task_id=1, panda_tasks_id=key, panda_task_name=f"{name}/")
    assert right.status_code == 200


BAD_RECORDS = [
    ({}, "jedi_task_id"),
    ({"jedi_task_id": "x"}, "jedi_task_id"),
    ({"jedi_task_id": 0}, "jedi_task_id"),
    ({"jedi_task_id": True}, "jedi_task_id"),
    ({"jedi_task_id": 2**63}, "jedi_task_id"),
    ({"jedi_task_id": 1, "status": "completed"}, "status"),
    ({"jedi_task_id": 1, "panda_tasks_id": "x"}, "panda_tasks_id"),
    ({"jedi_task_id": 1, "panda_task_name": 5}, "panda_task_name"),
    ({"jedi_task_id": 1, "panda_task_name": "other"}, "panda_task_name"),
    ({"jedi_task_id": 1, "replaces": -1}, "replaces"),
]


def test_a_record_that_is_not_of_its_form_is_refused_by_its_field(pcs, ready):
    for body, field in BAD_RECORDS:
        answer = pcs.record(**body)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(field)


def test_an_attempt_of_no_task_is_404(pcs, ready):
    assert pcs.record(jedi_task_id=1, panda_tasks_id=99).status_code == 404
    body = {"panda_tasks_id": 99, "reason": "x"}
    answer = pcs.send("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert answer.status_code == 404


def test_an_attempt_that_is_at_panda_did_not_fail(pcs, submitted):
    body = {"panda_tasks_id": submitted["panda_tasks"][0]["id"], "reason": "x"}
    answer = pcs.send("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert answer.status_code == 409


def test_the_body_may_name_the_task(pcs, ready):
    body = {"name": NAME, "jedi_task_id": 1}
    assert pcs.good("POST", "prod-tasks/record-submission/", body)["panda_task_id"] == 1
    answer = pcs.send("POST", "prod-tasks/record-submission/", {"jedi_task_id": 1})
    assert answer.json() == {"detail": "Missing ?name="}


# ------------------------------------------------------------------ running again


def test_a_task_that_was_never_submitted_cannot_run_again(pcs, ready):
    answer = pcs.send("POST", f"{TASK}/rerun-entire-task/")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "No recorded submission to rerun."}


def test_a_rerun_keeps_the_id_until_the_new_one_is_recorded(pcs, submitted, database):
    end_requests(database)
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


def test_a_rerun_that_fails_leaves_the_record(pcs, submitted, database):
    end_requests(database)
    second = pcs.good("POST", f"{TASK}/rerun-entire-task/")["panda_tasks"][1]
    body = {"panda_tasks_id": second["id"], "reason": "x"}
    task = pcs.good("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert (task["status"], task["panda_task_id"]) == ("submitted", 4711)


# ------------------------------------------------------------------ following PanDA


def seen(pcs, status: str, **more: object):
    body = {"jedi_task_id": 4711, "panda_status": status} | more
    return pcs.send("POST", "prod-tasks/record-status/", body, name=NAME)


def test_a_state_at_panda_sets_the_tasks_status(pcs, submitted):
    for status, expected in (("running", "submitted"), ("failed", "failed"),
                             ("running", "submitted"), ("done", "completed")):  # fmt: skip
        task = seen(pcs, status).json()
        assert (task["status"], task["panda_tasks"][0]["status_snapshot"]) == (expected, status)


def test_what_was_seen_earlier_changes_nothing(pcs, submitted):
    seen(pcs, "done", observed_at="2026-08-01T12:00:00Z")
    late = seen(pcs, "running", observed_at="2026-08-01T11:59:00Z").json()
    assert (late["status"], late["panda_tasks"][0]["status_snapshot"]) == ("completed", "done")


def test_a_former_attempts_state_does_not_set_the_tasks_status(pcs, submitted, database):
    end_requests(database)
    second = pcs.good("POST", f"{TASK}/rerun-entire-task/")["panda_tasks"][1]
    pcs.record(jedi_task_id=4800, panda_tasks_id=second["id"])
    task = seen(pcs, "failed").json()
    assert (task["status"], task["panda_tasks"][0]["status_snapshot"]) == ("submitted", "failed")


def test_a_state_that_is_none_is_refused(pcs, submitted):
    for status in ("", "A", "a b", "x" * 51, None, 5):
        assert seen(pcs, status).json()["detail"].startswith("panda_status")


def test_an_id_that_the_task_does_not_have_is_404(pcs, submitted):
    assert seen(pcs, "done", jedi_task_id=5).status_code == 404


def associate(pcs, name: str, jedi_task_id: int = 77, status: str = "running"):
    body = {"panda_task_name": name, "jedi_task_id": jedi_task_id, "panda_status": status}
    return pcs.send("POST", "prod-tasks/associate/", body)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_task_that_panda_knows_is_associated_by_its_name(pcs, ready, slash):
    answer = associate(pcs, ready["composed_name"] + slash)
    assert (answer.status_code, answer.json()) == (200, {"task": NAME})
    task = pcs.task()
    [attempt] = task["panda_tasks"]
    assert (task["status"], task["panda_task_id"]) == ("submitted", 77)
    assert attempt["association_source"] == "dynamic_taskname_match"
    assert attempt["status_snapshot"] == "running"
    assert associate(pcs, ready["composed_name"] + slash, status="done").status_code == 200
    assert pcs.task()["status"] == "completed"


def test_an_attempt_that_got_lost_is_associated(pcs, ready):
    attempt = pcs.submit()["panda_tasks"][0]
    assert associate(pcs, attempt["task_name"]).status_code == 200
    assert pcs.task()["panda_tasks"][0]["jedi_task_id"] == 77


def test_a_name_of_nobody_is_404_and_another_id_409(pcs, submitted):
    assert associate(pcs, "group.EIC.else").status_code == 404
    assert associate(pcs, submitted["composed_name"], 78).status_code == 409
    assert associate(pcs, submitted["composed_name"] + ".try2", 4711).status_code == 404


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


def test_an_operation_wants_an_id_of_the_task(pcs, ready, database):
    assert pcs.send("POST", f"{TASK}/panda-pause/", {}).status_code == 409
    pcs.record(jedi_task_id=1)
    answer = pcs.send("POST", f"{TASK}/panda-pause/", {"jedi_task_id": 2})
    assert (answer.status_code, "not of task" in answer.text) == (409, True)
    assert count(database, Request) == 0


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


def test_relaxed_a_value_that_is_not_of_its_form_is_still_refused(relaxed, database):
    relaxed.make_task(NAME)
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql("UPDATE pcs_prod_config SET panda_site = 'a; b'")
    answer = relaxed.send("POST", f"{TASK}/submit/")
    assert (answer.status_code, "panda_site" in answer.json()) == (400, True)
    assert count(database, Attempt) == 0


def test_a_name_that_is_too_long_for_prun_is_not_ready(pcs):
    task = pcs.make_task(NAME, sample="x" * 90)
    assert "--outDS is too long by 25 characters" in task["readiness"][0]
    assert pcs.send("POST", f"{TASK}/lock/").status_code == 400


def test_a_task_that_is_not_official_is_not_ready(pcs):
    config = CONFIG | {"data": {"exec_command": DATA["exec_command"]}}
    task = pcs.make_task(NAME, config=config)
    assert "official" in task["readiness"][0]


# ------------------------------------------------------------------ partial success, given-up ids


def test_a_task_that_ended_in_part_is_shown_as_that_and_peers_read_completed(pcs, submitted):
    seen = {"jedi_task_id": 4711, "panda_status": "finished", "inputs": 100, "inputs_failed": 4}
    task = pcs.good("POST", "prod-tasks/record-status/", seen, name=NAME)
    assert (task["status"], task["shown_status"]) == ("completed", "partly completed")
    counts = task["panda_tasks"][0]["metadata"]
    assert (counts["inputs"], counts["inputs_failed"]) == (100, 4)


@pytest.mark.parametrize(
    ("panda_status", "shown"),
    [("done", "completed"), ("failed", "failed"), ("running", "submitted")],
)
def test_what_did_not_end_in_part_is_shown_as_its_status(pcs, submitted, panda_status, shown):
    seen = {"jedi_task_id": 4711, "panda_status": panda_status}
    task = pcs.good("POST", "prod-tasks/record-status/", seen, name=NAME)
    assert task["shown_status"] == task["status"] == shown


def test_a_task_that_ended_in_part_and_is_run_again_is_in_part_no_longer(pcs, submitted):
    for status in ("finished", "running"):
        seen = {"jedi_task_id": 4711, "panda_status": status, "inputs_failed": 4}
        task = pcs.good("POST", "prod-tasks/record-status/", seen, name=NAME)
    assert (task["status"], task["shown_status"]) == ("submitted", "submitted")


def test_an_id_that_is_given_up_leaves_the_task_ready_and_is_kept_on_record(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    body = {"panda_tasks_id": key, "reason": "a stranger's", "gives_up": 4711}
    task = pcs.good("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert (task["status"], task["panda_task_id"]) == ("ready", None)
    [attempt] = task["panda_tasks"]
    assert attempt["jedi_task_id"] is None
    assert attempt["metadata"]["replaced_jedi_task_ids"] == [4711]


def test_another_id_than_the_recorded_one_is_not_given_up(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    body = {"panda_tasks_id": key, "reason": "a stranger's", "gives_up": 4712}
    answer = pcs.send("POST", "prod-tasks/record-submission-failure/", body, name=NAME)
    assert answer.status_code == 409
    assert pcs.task(NAME)["panda_task_id"] == 4711
