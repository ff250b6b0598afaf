"""What is recorded of a submission: its id, its failure, and its states at PanDA."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.integration

NAME = "dis-10x100"


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


def test_a_submission_by_hand_takes_up_the_attempt_that_failed_under_its_name(pcs, failed):
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


def fail(pcs, **body: object):
    body = {"reason": "a stranger's"} | body
    return pcs.send("POST", "prod-tasks/record-submission-failure/", body, name=NAME)


def test_an_attempt_of_no_task_is_404(pcs, ready):
    assert pcs.record(jedi_task_id=1, panda_tasks_id=99).status_code == 404
    assert fail(pcs, panda_tasks_id=99).status_code == 404


def test_an_attempt_that_is_at_panda_did_not_fail(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    assert fail(pcs, panda_tasks_id=key).status_code == 409


def test_the_body_may_name_the_task(pcs, ready):
    body = {"name": NAME, "jedi_task_id": 1}
    assert pcs.good("POST", "prod-tasks/record-submission/", body)["panda_task_id"] == 1
    answer = pcs.send("POST", "prod-tasks/record-submission/", {"jedi_task_id": 1})
    assert answer.json() == {"detail": "Missing ?name="}


def test_an_id_that_is_given_up_leaves_the_task_ready_and_is_kept_on_record(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    task = fail(pcs, panda_tasks_id=key, gives_up=4711).json()
    assert (task["status"], task["panda_task_id"]) == ("ready", None)
    [attempt] = task["panda_tasks"]
    assert attempt["jedi_task_id"] is None
    assert attempt["metadata"]["replaced_jedi_task_ids"] == [4711]


def test_another_id_than_the_recorded_one_is_not_given_up(pcs, submitted):
    key = submitted["panda_tasks"][0]["id"]
    assert fail(pcs, panda_tasks_id=key, gives_up=4712).status_code == 409
    assert pcs.task(NAME)["panda_task_id"] == 4711


# ------------------------------------------------------------------ following PanDA


def observe(pcs, status: str, **more: object):
    body = {"jedi_task_id": 4711, "panda_status": status} | more
    return pcs.send("POST", "prod-tasks/record-status/", body, name=NAME)


def test_a_state_at_panda_sets_the_tasks_status(pcs, submitted):
    for status, expected in (("running", "submitted"), ("failed", "failed"),
                             ("running", "submitted"), ("done", "completed")):  # fmt: skip
        task = observe(pcs, status).json()
        assert (task["status"], task["panda_tasks"][0]["status_snapshot"]) == (expected, status)


def test_what_was_seen_earlier_changes_nothing(pcs, submitted):
    observe(pcs, "done", observed_at="2026-08-01T12:00:00Z")
    late = observe(pcs, "running", observed_at="2026-08-01T11:59:00Z").json()
    assert (late["status"], late["panda_tasks"][0]["status_snapshot"]) == ("completed", "done")


def test_a_former_attempts_state_does_not_set_the_tasks_status(pcs, submitted, end_requests):
    end_requests()
    second = pcs.good("POST", f"prod-tasks/{NAME}/rerun-entire-task/")["panda_tasks"][1]
    pcs.record(jedi_task_id=4800, panda_tasks_id=second["id"])
    task = observe(pcs, "failed").json()
    assert (task["status"], task["panda_tasks"][0]["status_snapshot"]) == ("submitted", "failed")


def test_a_state_that_is_none_is_refused(pcs, submitted):
    for status in ("", "A", "a b", "x" * 51, None, 5):
        assert observe(pcs, status).json()["detail"].startswith("panda_status")


def test_an_id_that_the_task_does_not_have_is_404(pcs, submitted):
    assert observe(pcs, "done", jedi_task_id=5).status_code == 404


def test_a_task_that_ended_in_part_is_shown_as_that_and_peers_read_completed(pcs, submitted):
    task = observe(pcs, "finished", inputs=100, inputs_failed=4).json()
    assert (task["status"], task["shown_status"]) == ("completed", "partly completed")
    counts = task["panda_tasks"][0]["metadata"]
    assert (counts["inputs"], counts["inputs_failed"]) == (100, 4)


@pytest.mark.parametrize(
    ("panda_status", "shown"),
    [("done", "completed"), ("failed", "failed"), ("running", "submitted")],
)
def test_what_did_not_end_in_part_is_shown_as_its_status(pcs, submitted, panda_status, shown):
    task = observe(pcs, panda_status).json()
    assert task["shown_status"] == task["status"] == shown


def test_a_task_that_ended_in_part_and_is_run_again_is_in_part_no_longer(pcs, submitted):
    for status in ("finished", "running"):
        task = observe(pcs, status, inputs_failed=4).json()
    assert (task["status"], task["shown_status"]) == ("submitted", "submitted")


# ------------------------------------------------------------------ found by its name


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
