"""The PanDA of the sandbox keeps the real server's rules on tasks, and its race."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.sandbox.panda import PandaSandbox, Status
from deployments.sandbox.panda.state import Pace, PandaState
from deployments.sandbox.panda.tokens import Caller
from tests.panda_calls import NEVER_REFINED, ask, named, send, submit, task_parameters

pytestmark = pytest.mark.integration


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def test_a_task_is_not_found_before_it_is_refined_but_its_parameters_are(
    panda: PandaSandbox,
) -> None:
    answer = submit(panda)
    assert answer == {"success": True, "message": "succeeded. new jediTaskID=1", "data": 1}
    assert named(panda) == []
    assert ask(panda, "task/get_status", task_id=1)["success"] is False
    assert ask(panda, "task/get_task_parameters", task_id=1)["data"]["official"] is True
    panda.refine()
    assert [(task["jediTaskID"], task["status"]) for task in named(panda)] == [(1, "running")]
    assert ask(panda, "task/get_status", task_id=1)["data"] == "running"


CALLER = Caller("Prod Ops", "prodops", "production")


def test_time_takes_a_task_through_its_states() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    passed = timedelta()
    pace = Pace(refine_seconds=10, race_window_seconds=0, auto_finish_seconds=60)
    state = PandaState(pace, clock=lambda: now + passed)
    state.submit(task_parameters(), CALLER)
    seen = []
    for seconds in (9, 10, 11, 12, 13, 72, 73, 1000):
        passed = timedelta(seconds=seconds)
        seen.append(str(state.all()[0].status))
    assert seen == [
        "waiting", "registered", "defined", "ready", "running", "running", "done", "done",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [("running", 2, "is in the running state"), ("broken", 2, "is in the broken state")],
)
def test_a_second_submission_of_a_name_is_refused_with_the_id(
    panda: PandaSandbox, status: str, code: int, says: str
) -> None:
    submit(panda)
    waiting = submit(panda)
    assert (waiting["success"], waiting["data"]) == (False, 1)
    panda.set_status(1, status)
    answer = submit(panda)
    assert (answer["success"], answer["data"]) == (False, code)
    assert f"jediTaskID=1 {says}" in answer["message"]
    assert len(panda.tasks()) == 1


def test_a_name_whose_task_ended_runs_that_task_again(panda: PandaSandbox) -> None:
    submit(panda)
    panda.set_status(1, "done")
    jobs = ask(panda, "task/get_job_ids", task_id=1)["data"]
    answer = submit(panda)
    assert (answer["success"], answer["data"]) == (True, 1)
    assert answer["message"].startswith("reactivation accepted. jediTaskID=1")
    panda.refine()
    assert ask(panda, "task/get_status", task_id=1)["data"] == "running"
    assert not set(jobs) & set(ask(panda, "task/get_job_ids", task_id=1)["data"])


def test_another_label_another_user_or_no_unique_name_is_another_task(panda: PandaSandbox) -> None:
    submit(panda)
    assert submit(panda, prodSourceLabel="managed")["data"] == 2
    assert submit(panda, official=False, userName="epicprod")["data"] == 3
    assert submit(panda, uniqueTaskName=False)["data"] == 4


def test_production_tasks_are_never_checked_and_may_turn_out_broken(panda: PandaSandbox) -> None:
    more = {"taskType": "prod", "uniqueTaskName": None}
    assert [submit(panda, **more)["data"] for _ in range(2)] == [1, 2]
    assert submit(panda, taskPriority=900, **more)["data"] == 3
    panda.refine()
    assert [task["status"] for task in panda.tasks()] == ["broken", "broken", "running"]
    assert panda.tasks()[0]["error_dialog"] == "KeyError:'taskPriority'"


@pytest.mark.parametrize("missing", ["vo", "taskName", "prodSourceLabel"])
def test_a_submission_without_what_it_needs_is_refused(panda: PandaSandbox, missing: str) -> None:
    answer = submit(panda, **{missing: None})
    assert answer == {"success": False, "message": "failed to register task", "data": 4}


def raced(seed: int) -> list[tuple[int, Status]]:
    """Four submissions that have all looked before one of them inserts; then JEDI's cycle."""
    looked = threading.Barrier(4)
    pace = Pace(refine_seconds=NEVER_REFINED, seed=seed)
    state = PandaState(pace, pause=lambda _seconds: looked.wait(10))
    with ThreadPoolExecutor(4) as pool:
        results = [*pool.map(lambda _: state.submit(task_parameters(), CALLER), range(4))]
    assert sorted(results) == [
        (0, f"succeeded. new jediTaskID={number}") for number in (1, 2, 3, 4)
    ]
    state.refine_now()
    return [(task.id, task.status) for task in state.all() if task.name is not None]


def test_which_of_several_survives_is_chance_that_a_seed_repeats() -> None:
    survivors = [raced(seed) for seed in range(8)]
    assert all(len(kept) == 1 and kept[0][1] is Status.RUNNING for kept in survivors)
    assert survivors == [raced(seed) for seed in range(8)]
    assert len({kept[0][0] for kept in survivors}) > 1


def test_submissions_at_once_all_succeed_and_jedi_keeps_one(tmp_path: Path) -> None:
    pace = Pace(refine_seconds=NEVER_REFINED, race_window_seconds=0.5)
    with PandaSandbox(tmp_path, pace=pace) as panda, ThreadPoolExecutor(3) as pool:
        answers = [*pool.map(lambda _: submit(panda), range(3))]
        assert all(answer["success"] for answer in answers)
        panda.refine()
        tasks = panda.tasks()
    (survivor,) = [task for task in tasks if task["status"] == "running"]
    dropped = [task for task in tasks if task is not survivor]
    assert [(task["status"], task["name"]) for task in dropped] == [("aborted", None)] * 2
    assert {task["error_dialog"] for task in dropped} == {
        f"toabort since there is duplicated task -> jediTaskID={survivor['id']}"
    }


def test_without_a_window_one_submission_of_many_wins(tmp_path: Path) -> None:
    pace = Pace(refine_seconds=NEVER_REFINED, race_window_seconds=0)
    with PandaSandbox(tmp_path, pace=pace) as panda:
        assert [submit(panda)["success"] for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("command", "status", "follows"),
    [
        ("pause", "running", "paused"),
        ("retry", "failed", "running"),
        ("retry", "exhausted", "running"),
        ("kill", "running", "aborted"),
        ("finish", "running", "finished"),
        ("reload_input", "finished", "running"),
    ],
)
def test_a_command_acts_when_jedi_executes_it(
    panda: PandaSandbox, command: str, status: str, follows: str
) -> None:
    submit(panda)
    panda.set_status(1, status)
    answer = send(panda, f"task/{command}", {"task_id": 1})
    assert (answer["success"], answer["data"]) == (True, 0)
    assert ask(panda, "task/get_status", task_id=1)["data"] == status
    panda.refine()
    assert ask(panda, "task/get_status", task_id=1)["data"] == follows


@pytest.mark.parametrize(
    ("command", "status"),
    [("pause", "done"), ("pause", "paused"), ("retry", "running"), ("retry", "done"),
     ("resume", "running"), ("kill", "failed")],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_code_4_of_a_success_as_at_the_real_server(
    panda: PandaSandbox, command: str, status: str
) -> None:
    submit(panda)
    panda.set_status(1, status)
    answer = send(panda, f"task/{command}", {"task_id": 1})
    assert (answer["success"], answer["data"]) == (True, 4)
    assert answer["message"] == (
        f"Command rejected: the {command} command is not accepted if the task is in {status} status"
    )


def test_a_paused_task_resumes_where_it_was(panda: PandaSandbox) -> None:
    submit(panda)
    panda.refine()
    for command, status in (("pause", "paused"), ("resume", "running")):
        send(panda, f"task/{command}", {"task_id": 1})
        panda.refine()
        assert ask(panda, "task/get_status", task_id=1)["data"] == status


def test_more_attempts_let_failed_jobs_of_a_running_task_run_again(panda: PandaSandbox) -> None:
    submit(panda, nEvents=2, nEventsPerJob=1)
    panda.set_status(1, "running", failed_jobs=1)
    answer = send(panda, "task/increase_attempts", {"task_id": 1, "increase": 2})
    assert answer["message"] == "increased attemptNr for 2 inputs (1 reactivated)"
    jobs = ask(panda, "task/get_job_descriptions", task_id=1)["data"]
    assert [(job["jobStatus"], job["attemptNr"], job["maxAttempt"]) for job in jobs] == [
        ("running", 2, 5), ("running", 1, 5),
    ]  # fmt: skip
    panda.set_status(1, "failed")
    assert send(panda, "task/increase_attempts", {"task_id": 1, "increase": 2})["data"] == 2
    assert send(panda, "task/increase_attempts", {"task_id": 9, "increase": 2})["data"] == 1
    assert send(panda, "task/retry", {"task_id": 9})["data"] == 2


def test_only_production_may_command_another_s_task(panda: PandaSandbox) -> None:
    submit(panda)
    panda.refine()
    stranger = send(panda, "task/kill", {"task_id": 1}, origin="EIC", name="some body")
    assert (stranger["success"], stranger["data"]) == (True, 3)
    assert send(panda, "task/kill", {"task_id": 1}, origin="EIC")["data"] == 0
