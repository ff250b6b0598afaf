"""Submission end to end: PCS, worker, unmodified prun and the sandbox's PanDA, as processes."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.e2e.production import Production
from tests.waiting import stays, wait_until

pytestmark = pytest.mark.e2e


def pruns(production: Production) -> list[int]:
    """The processes of prun that work in this stack's sandboxes."""
    own = str(production.site.stack.state_dir / "submissions")
    return [
        process.info["pid"]
        for process in psutil.process_iter(["pid", "cmdline", "cwd"])
        if any("PrunScript" in word for word in process.info["cmdline"] or ())
        and (process.info["cwd"] or "").startswith(own)
    ]


def assert_submitted_once(production: Production, name: str, request_id: int) -> int:
    """One live task of the attempt's name, its id at PCS, and one final event that names it."""
    event = production.final(request_id)
    assert event.msg_type == "prodtask_submitted", event.payload
    shown = production.show(name)
    attempt = shown["panda_tasks"][-1]
    assert production.live(attempt["task_name"]) == [shown["panda_task_id"]]
    assert event.payload["jedi_task_id"] == str(shown["panda_task_id"])
    assert event.payload["task_name"] == name
    assert attempt["jedi_task_id"] == shown["panda_task_id"]
    assert shown["status"] == "submitted"
    assert shown["request"] is None
    return int(shown["panda_task_id"])


def test_a_press_of_the_button_becomes_one_task_and_its_id_is_recorded(production):
    name = production.task()
    request_id = production.submit(name)
    assert_submitted_once(production, name, request_id)
    assert production.said(request_id) == ["prodtask_submitted"]
    assert production.steps(request_id)[0] == "claim"
    sandboxes = production.site.stack.state_dir / "submissions"
    assert list(sandboxes.iterdir()) == []
    assert pruns(production) == []


def test_many_presses_at_once_are_one_submission(production):
    name = production.task()
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: production.submit(name), range(8)))
    (request_id,) = ids
    assert_submitted_once(production, name, request_id)
    answer = production.post(name, "submit")
    assert answer.status_code == 409
    assert str(production.show(name)["panda_task_id"]) in answer.json()["detail"]


@pytest.mark.slow
def test_a_click_that_is_served_after_another_has_submitted_the_task_is_not_sent(production):
    name = production.task()
    composed = production.show(name)["composed_name"]
    production.fault("slow", when="after", name=name, seconds=2)
    asked = [
        production.site.trigger("submit_task", task_name=composed),
        production.submit(name),
    ]
    wait_until(lambda: {production.site.state(each) for each in asked} == {"completed"}, 40)
    (served,) = (each for each in asked if production.finals(each))
    (other,) = (production.site.request(each) for each in asked if each != served)
    assert other.result["joined"] == served
    shown = production.show(name)
    assert production.live(composed) == [shown["panda_task_id"]]
    assert [each["jedi_task_id"] for each in shown["panda_tasks"]] == [shown["panda_task_id"]]


def test_a_task_that_is_not_ready_is_refused_and_an_unknown_one_not_found(production):
    name = production.task(lock=False)
    assert production.post(name, "submit").status_code == 400
    assert production.post("nosuchtask", "submit").status_code == 404


@pytest.mark.parametrize(
    ("kind", "when"),
    [
        ("drop", "before"),
        pytest.param("hang", "after", marks=pytest.mark.slow),
        pytest.param("drop", "after", marks=pytest.mark.slow),
        pytest.param("hang", "before", marks=pytest.mark.slow),
        pytest.param("truncate", "after", marks=pytest.mark.slow),
        pytest.param("html", "after", marks=pytest.mark.slow),
        pytest.param("noid", "after", marks=pytest.mark.slow),
        pytest.param("502", "before", marks=pytest.mark.slow),
        pytest.param("500", "after", marks=pytest.mark.slow),
    ],
)
def test_what_a_lost_answer_did_is_found_out(production, kind, when):
    name = production.task()
    production.fault(kind, when=when, name=name)
    request_id = production.submit(name)
    assert_submitted_once(production, name, request_id)
    *before, final = production.said(request_id)
    assert set(before) <= {"prodtask_submit_unknown"}
    assert final == "prodtask_submitted"


@pytest.mark.slow
def test_a_slow_server_that_commits_after_prun_was_killed_makes_one_task(production):
    name = production.task()
    production.fault("slow", when="before", name=name, seconds=6)
    assert_submitted_once(production, name, production.submit(name))


@pytest.mark.slow
def test_a_definite_refusal_fails_with_its_reason_and_the_next_press_has_a_new_name(production):
    name = production.task()
    production.fault("reject", name=name, message="too many tasks for you", code=10)
    first = production.submit(name)
    event = production.final(first)
    assert event.msg_type == "prodtask_submit_failed"
    assert "too many tasks for you" in event.payload["reason"]
    shown = production.show(name)
    assert (shown["status"], shown["panda_task_id"]) == ("ready", None)
    assert shown["panda_tasks"][0]["status_snapshot"] == "submit_failed"
    second = production.submit(name)
    assert_submitted_once(production, name, second)
    assert production.show(name)["panda_tasks"][1]["task_name"].endswith(".try2")


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.slow)])
def test_a_refusal_that_prun_takes_for_a_success_is_looked_into(production, when):
    name = production.task()
    production.fault("banned", when=when, name=name)
    request_id = production.submit(name)
    event = production.final(request_id)
    if when == "after":  # where it is found at once, nobody was told that it is unknown
        assert_submitted_once(production, name, request_id)
    else:
        assert production.said(request_id)[0] == "prodtask_submit_unknown"
        assert event.msg_type == "prodtask_submit_failed"
        assert "banned" in event.payload["reason"]
        assert production.at_panda(production.show(name)["composed_name"]) == []


@pytest.mark.slow
def test_a_cancelled_submission_is_not_sent_again_and_ends_once_the_truth_is_known(production):
    name = production.task()
    production.fault("drop", when="before", name=name)
    request_id = production.submit(name)
    wait_until(lambda: "prodtask_submit_unknown" in production.said(request_id))
    path = f"/api/requests/{request_id}/cancel/"
    assert production.site.api.post(path, json={"reason": "no"}).is_success
    event = production.final(request_id)
    assert event.msg_type == "prodtask_submit_failed"
    assert "cancelled; PanDA has no such task" in event.payload["reason"]
    assert production.site.state(request_id) == "cancelled"
    composed = production.show(name)["composed_name"]
    assert len(production.sent(composed)) == 1
    assert production.at_panda(composed) == []


@pytest.mark.slow
def test_an_outage_before_sending_is_told_as_such(production):
    name = production.task()
    production.fault("500", endpoint="file_server/validate_cache_file", times=9)
    event = production.final(production.submit(name))
    assert event.msg_type == "prodtask_submit_failed"
    assert "nothing was sent" in event.payload["reason"]
    assert production.at_panda(production.show(name)["composed_name"]) == []


@pytest.mark.slow
def test_a_name_whose_task_has_ended_is_not_sent(production):
    name = production.task()
    composed = production.show(name)["composed_name"]
    by_hand = production.submit_by_hand(composed)
    wait_until(lambda: production.at_panda(composed)[0]["status"] == "running")
    production.set_state(by_hand, "done")
    event = production.final(production.submit(name))
    assert event.msg_type == "prodtask_submit_failed"
    assert f"has ended: {by_hand} (done)" in event.payload["reason"]
    assert len(production.sent(composed)) == 1


@pytest.mark.slow
def test_a_live_task_of_the_name_that_was_made_by_hand_is_taken_for_it(production):
    name = production.task()
    by_hand = production.submit_by_hand(production.show(name)["composed_name"])
    assert assert_submitted_once(production, name, production.submit(name)) == by_hand


@pytest.mark.slow
def test_a_task_made_by_hand_is_found_by_the_next_sync(production):
    name = production.task()
    composed = production.show(name)["composed_name"]
    by_hand = production.submit_by_hand(composed)
    wait_until(lambda: production.at_panda(composed)[0]["status"] == "running")
    request = production.site.ended(production.site.trigger("sync_task_states"))
    assert request.state == "completed", request.error
    shown = production.show(name)
    assert (shown["panda_task_id"], shown["status"]) == (by_hand, "submitted")
    assert shown["panda_tasks"][0]["association_source"] == "dynamic_taskname_match"


_slow_steps = [
    pytest.param(step, marks=pytest.mark.slow) for step in ("claim", "token", "classify")
]


@pytest.mark.parametrize("step", ["send", *_slow_steps])
def test_a_killed_run_is_gone_on_with(production, step):
    name = production.task()
    production.fault("slow", when="after", name=name, seconds=1)
    request_id = production.submit(name)
    production.wait_for_step(request_id, step)
    for run in production.site.runs():
        os.kill(run.pid, signal.SIGKILL)
    assert_submitted_once(production, name, request_id)
    wait_until(lambda: pruns(production) == [])


@pytest.mark.slow
@pytest.mark.parametrize("part", ["worker", "api", "prefect", "postgres"])
def test_a_killed_part_costs_time_and_nothing_else(production, part):
    name = production.task()
    production.fault("slow", when="after", name=name, seconds=2)
    request_id = production.submit(name)
    production.wait_for_step(request_id, "send")
    production.site.kill(part)
    wait_until(lambda: _answers(production))
    event = wait_until(lambda: production.finals(request_id))[0]
    assert event.msg_type == "prodtask_submitted"
    assert_submitted_once(production, name, request_id)


def _answers(production: Production) -> bool:
    try:
        return production.site.api.get("/api/health/").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_a_record_that_pcs_does_not_take_is_told_and_taken_later(production):
    name = production.task()
    production.fault("slow", when="after", name=name, seconds=2)
    request_id = production.submit(name)
    production.wait_for_step(request_id, "send")
    production.site.stack.stop_part("api")
    production.wait_for_step(request_id, "record")
    assert stays(lambda: production.finals(request_id) == [], 1.0)
    production.site.stack.start_part("api")
    assert_submitted_once(production, name, request_id)


@pytest.mark.slow
def test_an_id_that_pcs_refuses_for_good_ends_in_words_and_an_operator_settles_it(production):
    name = production.task()
    production.fault("slow", when="after", name=name, seconds=2)
    request_id = production.submit(name)
    production.wait_for_step(request_id, "send")
    attempt_id = production.show(name)["panda_tasks"][0]["id"]
    record = {"jedi_task_id": 999_999, "panda_tasks_id": attempt_id}
    assert production.record(name, record).status_code == 200
    request = production.site.ended(request_id)
    assert request.state == "failed"
    assert "prodops task resolve" in request.error
    assert production.said(request_id) == ["prodtask_submit_unrecorded"]
    (made,) = production.live(production.show(name)["composed_name"])
    decided = production.site.cli(
        *("task", "resolve", name, "--adopt", str(made), "--reason", "the other was a mistake"),
        *("--url", production.site.stack.api_url, "--token", production.site.token),
    )
    assert (decided.returncode, decided.stderr) == (0, "")
    shown = production.show(name)
    assert (shown["status"], shown["panda_task_id"]) == ("submitted", made)


@pytest.mark.slow
def test_an_ended_task_that_panda_runs_again_is_an_alarm_and_no_success(production):
    name = production.task()
    composed = production.show(name)["composed_name"]
    # another user's task: look-up does not show it, and PanDA's duplicate rule minds it
    others = production.submit_by_hand(composed, name="Somebody Else", sub="else")
    wait_until(lambda: production.at_panda(composed)[0]["status"] == "running")
    production.set_state(others, "done")
    event = production.final(production.submit(name))
    assert event.msg_type == "prodtask_submit_failed"
    assert "ALARM" in event.payload["reason"]
    assert str(others) in event.payload["reason"]
    assert production.show(name)["panda_task_id"] is None


@pytest.mark.slow
def test_while_the_ops_side_is_down_the_request_waits_and_is_shown(production):
    name = production.task()
    production.site.stack.stop_part("worker")
    answer = production.post(name, "submit")
    assert answer.status_code == 200
    assert answer.json()["request"]["state"] == "queued"
    assert production.show(name)["request"]["id"] == answer.json()["request"]["id"]
    production.site.stack.start_part("worker")
    assert_submitted_once(production, name, int(answer.json()["request"]["id"]))


def test_an_expired_token_is_refused_before_anything_is_sent(production):
    name = production.task()
    production.panda.post("tokens", json={"seconds": 1, "write": True, "refuse_refresh": True})
    try:
        event = production.final(production.submit(name))
    finally:
        renewed = {"seconds": 86_400, "write": True, "refuse_refresh": False}
        production.panda.post("tokens", json=renewed).raise_for_status()
    assert event.msg_type == "prodtask_submit_failed"
    assert "expire" in event.payload["reason"]
    assert "get_new_token" in event.payload["reason"]
    assert production.sent(production.show(name)["composed_name"]) == []


_slow_names = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("a/b", "a'b", "--help", "x" * 300)
]


@pytest.mark.parametrize("name", ["$(id)", "../../etc", *_slow_names])
def test_a_hostile_name_neither_runs_nor_breaks_anything(production, name):
    request_id = production.site.trigger("submit_task", task_name=name)
    event = production.final(request_id)
    assert event.msg_type == "prodtask_submit_failed"
    assert "No task" in event.payload["reason"]


def test_an_attempt_that_pcs_does_not_have_is_refused(production):
    name = production.task()
    request_id = production.site.trigger("submit_task", task_name=name, panda_tasks_id=999_999)
    assert "no attempt 999999" in production.final(request_id).payload["reason"]


@pytest.mark.parametrize("name", ["", "a\nb", "a\0b", "x" * 301])
def test_a_name_that_is_none_is_refused_and_named(production, name):
    answer = production.site.api.post("/api/actions/submit_task/", json={"task_name": name})
    assert answer.status_code == 400
    assert list(answer.json()) == ["task_name"]


# ------------------------------------------------------------------ afterwards


@pytest.mark.slow
def test_a_rerun_keeps_the_earlier_id_until_the_new_one_is_recorded(production):
    name = production.task()
    assert production.post(name, "rerun-entire-task").status_code == 409
    first = assert_submitted_once(production, name, production.submit(name))
    production.fault("slow", when="before", name=name, seconds=2)
    answer = production.post(name, "rerun-entire-task")
    assert answer.status_code == 202
    request_id = int(answer.json()["request"]["id"])
    production.wait_for_step(request_id, "send")
    assert production.show(name)["panda_task_id"] == first
    second = assert_submitted_once(production, name, request_id)
    assert second != first
    tries = [each["task_name"] for each in production.show(name)["panda_tasks"]]
    assert tries[1] == f"{tries[0]}.try2"


@pytest.mark.slow
def test_the_states_at_panda_come_to_pcs(production):
    done, failed = production.task(), production.task()
    ids = [assert_submitted_once(production, n, production.submit(n)) for n in (done, failed)]
    production.set_state(ids[0], "done")
    production.set_state(ids[1], "broken")
    request = production.site.ended(production.site.trigger("sync_task_states"))
    assert request.state == "completed", request.error
    assert production.show(done)["status"] == "completed"
    assert production.show(failed)["status"] == "failed"
    assert production.show(failed)["panda_tasks"][0]["status_snapshot"] == "broken"


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("panda-pause", "running", "paused"),
        pytest.param("panda-resume", "paused", "running", marks=pytest.mark.slow),
        pytest.param("panda-add-retry", "running", "running", marks=pytest.mark.slow),
        pytest.param("panda-retry-failures", "finished", None, marks=pytest.mark.slow),
    ],
)
def test_an_operation_on_a_live_task_is_verified_and_recorded(production, operation, before, after):
    name = production.task()
    jedi_task_id = assert_submitted_once(production, name, production.submit(name))
    composed = production.show(name)["composed_name"]
    wait_until(lambda: production.at_panda(composed)[0]["status"] == "running")
    production.set_state(jedi_task_id, before)
    answer = production.post(name, operation)
    assert answer.status_code == 202, answer.text
    request = production.site.ended(answer.json()["request_id"])
    assert request.state == "completed", request.error
    (event,) = production.site.events(request_id=request.id, msg_type="panda_task_operation_done")
    assert event.payload["ok"] is True
    assert request.result["status"] == "verified"
    if after:
        assert request.result["observed_status"] == after


@pytest.mark.slow
def test_an_operation_that_makes_no_sense_is_refused_with_the_state(production):
    name = production.task()
    jedi_task_id = assert_submitted_once(production, name, production.submit(name))
    production.set_state(jedi_task_id, "done")
    request = production.site.ended(production.post(name, "panda-pause").json()["request_id"])
    assert request.state == "failed"
    assert "the task is done" in request.error
