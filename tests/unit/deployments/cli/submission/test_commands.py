"""`prodops task`: what each command asks for, prints and ends with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deployments.cli.submission import commands, waiting
from deployments.cli.submission.outcome import Event
from flows.common.settings import settings
from tests.fake_pcs import FakePcs, fake_pcs
from tests.unit.deployments.cli.submission.test_outcome import NAME, attempt


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def pcs() -> Iterator[FakePcs]:
    with fake_pcs() as pcs:
        yield pcs


def run(pcs: FakePcs, *words: str, token: str = "good", **more: Any) -> Result:
    return CliRunner().invoke(commands.app, [*words, "-m", pcs.url, "-t", token], **more)


def told_as_submitted(pcs: FakePcs) -> None:
    """Every task is submitted at once, as 1000 and its number."""

    def tell(name: str, verb: str) -> None:
        if not verb:
            return
        id_ = 1000 + pcs.tasks[name]["id"]
        progress = {"step": "send", "step_number": 5, "steps": 10} | {
            "text": "prun is sending the task to PanDA"
        }
        pcs.tell(Event.PROGRESS, name, **progress)
        pcs.tell(Event.SUBMITTED, name, jedi_task_id=str(id_))

    pcs.after_answer = tell


def test_submit_returns_when_it_is_accepted(pcs):
    pcs.add(NAME)
    result = run(pcs, "submit", NAME)
    assert (result.exit_code, result.stdout) == (0, f"{NAME}: accepted as request 101\n")


def test_submit_waits_for_the_id_and_tells_the_steps_on_stderr(pcs):
    pcs.add(NAME)
    told_as_submitted(pcs)
    result = run(pcs, "submit", NAME, "--wait")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{NAME}: submitted as jediTaskID 1001 (")
    assert f"{NAME}: 5/10 send: prun is sending the task to PanDA" in result.stderr


def test_the_stream_is_open_before_the_submission_is_asked_for(pcs):
    pcs.add(NAME)
    told_as_submitted(pcs)
    run(pcs, "submit", NAME, "--wait")
    assert pcs.asked[0] == ("GET", "/api/messages/stream/")


def test_many_are_followed_together_and_told_as_one_object_each(pcs, tmp_path):
    for number in range(3):
        pcs.add(f"t{number}")
    told_as_submitted(pcs)
    (tmp_path / "names").write_text("# a list\nt1\n\n  t2\nt1\n")
    result = run(pcs, "submit", "t0", "--from-file", "names", "--wait", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [(row["task"], row["jedi_task_id"]) for row in rows] == [
        ("t0", 1001), ("t1", 1002), ("t2", 1003),
    ]  # fmt: skip


def test_names_come_from_standard_input(pcs):
    pcs.add("t0")
    assert run(pcs, "submit", "--from-file", "-", input="t0\n").exit_code == 0


def test_without_a_name_it_is_a_wrong_usage(pcs):
    assert run(pcs, "submit").exit_code == 2
    assert run(pcs, "submit", "--from-file", "nowhere").exit_code == 2


def test_what_the_gate_refuses_is_told_with_the_id_and_the_others_go_on(pcs):
    pcs.add("old")
    pcs.add("new")
    pcs.refusals["old"] = (409, {"detail": "Already submitted as jediTaskID 36439."})
    result = run(pcs, "submit", "old", "none", "new", "--json")
    rows = {row["task"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 4
    assert (rows["old"]["outcome"], rows["old"]["jedi_task_id"]) == ("refused", 36439)
    assert rows["none"]["outcome"] == "no_such_task"
    assert rows["new"]["outcome"] == "accepted"


def test_a_failed_submission_ends_with_5_and_its_reason(pcs):
    pcs.add(NAME)
    pcs.after_answer = lambda name, _: pcs.tell(Event.FAILED, name, reason="the token expired")
    result = run(pcs, "submit", NAME, "--wait")
    assert result.exit_code == 5
    assert result.stdout.startswith(f"{NAME}: failed: the token expired")


def test_a_wait_that_ends_too_early_ends_with_6(pcs):
    pcs.add(NAME)
    result = run(pcs, "submit", NAME, "--wait", "--timeout", "0.3")
    assert result.exit_code == 6
    assert "waits for the ops side" in result.stdout
    assert "do not submit it again" in result.stdout


def test_a_last_look_finds_what_no_event_told(pcs):
    pcs.add(NAME)

    def end(name: str, _verb: str) -> None:
        pcs.tasks[name]["request"] = None
        pcs.tasks[name]["panda_tasks"][-1]["jedi_task_id"] = 42

    pcs.after_answer = end
    result = run(pcs, "submit", NAME, "--wait", "--timeout", "0.3", "--json")
    assert (result.exit_code, json.loads(result.stdout)["jedi_task_id"]) == (0, 42)


def test_pcs_is_asked_again_while_no_event_comes(pcs, monkeypatch):
    monkeypatch.setattr(waiting, "_SHORTEST_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.05)
    pcs.add(NAME, panda_tasks=[attempt(1)], request={"id": 7, "state": "running"})
    ended = {"request": None, "panda_tasks": [attempt(1, jedi_task_id=42)]}
    pcs.after_answer = lambda name, _: pcs.tasks[name].update(ended)
    result = run(pcs, "watch", NAME)
    assert result.exit_code == 0
    assert "submitted as jediTaskID 42" in result.stdout


def test_ctrl_c_ends_the_wait_and_says_that_the_submission_goes_on(pcs, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "follow", interrupt)
    pcs.add(NAME)
    result = run(pcs, "submit", NAME, "--wait")
    assert result.exit_code == 130
    assert "do not submit it again" in result.stdout
    assert "the submission goes on" in result.stderr


def test_without_a_good_token_nothing_is_asked_for_and_it_ends_with_7(pcs):
    pcs.add(NAME)
    result = run(pcs, "submit", NAME, "--wait", token="bad")
    assert result.exit_code == 7
    assert [method for method, _ in pcs.asked] == ["GET"]


@pytest.mark.parametrize("words", [["submit", NAME], ["watch", NAME], ["lock", NAME]])
def test_without_any_token_nothing_is_asked_for_at_all(pcs, words):
    result = CliRunner().invoke(commands.app, [*words, "-m", pcs.url])
    assert (result.exit_code, pcs.asked) == (7, [])
    assert "SWF_API_TOKEN" in result.stderr


def test_what_is_open_to_read_needs_no_token(pcs):
    pcs.add(NAME)
    result = CliRunner().invoke(commands.app, ["show", NAME, "-m", pcs.url])
    assert result.exit_code == 0


def test_nobody_at_the_address_ends_with_7():
    nowhere = ["-m", "http://127.0.0.1:1", "-t", "x"]
    result = CliRunner().invoke(commands.app, ["submit", "a", "b", *nowhere])
    assert result.exit_code == 7
    assert "`prodops task show` will tell" in result.stdout
    assert "not asked for" in result.stdout


def test_rerun_asks_for_another_attempt(pcs):
    pcs.add(NAME, status="submitted", panda_task_id=5, panda_tasks=[attempt(1, jedi_task_id=5)])
    result = run(pcs, "rerun", NAME)
    assert (result.exit_code, pcs.asked[-1][1]) == (
        0,
        f"/pcs/api/prod-tasks/{NAME}/rerun-entire-task/",
    )


def test_watch_tells_how_the_last_one_ended(pcs):
    pcs.add(NAME, panda_task_id=5, panda_tasks=[attempt(1, jedi_task_id=5)])
    result = run(pcs, "watch", NAME)
    assert (result.exit_code, result.stdout) == (0, f"{NAME}: submitted as jediTaskID 5\n")


def test_watch_of_a_task_that_nobody_submitted_ends_with_4(pcs):
    pcs.add(NAME)
    result = run(pcs, "watch", NAME)
    assert result.exit_code == 4
    assert "nothing of it is being submitted; it is ready" in result.stdout


def test_list_is_tab_separated_in_a_pipe_and_an_array_with_json(pcs):
    pcs.add(NAME, status="submitted", panda_task_id=5, campaign="26.02.0", created_by="ann")
    line = run(pcs, "list", "--status", "submitted").stdout
    assert line.split("\t")[:6] == [NAME, "submitted", "5", "", "", "26.02.0"]
    assert run(pcs, "list", "--plain").stdout == line
    assert [row["name"] for row in json.loads(run(pcs, "list", "--json").stdout)] == [NAME]


def test_show_tells_what_is_missing_and_what_will_run(pcs):
    pcs.add(NAME, readiness=["its physics tag p3001 is a draft; lock it"], status="draft")
    pcs.accept(NAME)
    text = run(pcs, "show", NAME).stdout
    assert "readiness  its physics tag p3001 is a draft; lock it" in text
    assert "submission  request 101 is queued" in text
    assert text.endswith(f"prun --outDS {NAME}\n")


IN_PART = {"jedi_task_id": 7, "status_snapshot": "finished"}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"inputs": 100, "inputs_failed": 4}, "4 of 100 inputs failed for good"),
        ({"inputs": 1, "inputs_failed": 1}, "1 of 1 input failed for good"),
        ({"inputs_failed": 4}, "4 inputs failed for good"),
    ],
)
def test_what_ended_in_part_is_shown_with_how_many_inputs_failed_for_good(pcs, counts, words):
    rows = [
        {"id": 1, "try_number": 1, **IN_PART, "metadata": counts},
        {"id": 2, "try_number": 2, "status_snapshot": "submit_failed"},
    ]
    shown = {"status": "completed", "shown_status": "partly completed"}
    pcs.add(NAME, **shown, panda_task_id=7, panda_tasks=rows)
    text = run(pcs, "show", NAME).stdout
    assert f"status  partly completed: {words}\n" in text
    assert text.count(words) == 2  # and in its attempt's row
    assert run(pcs, "list").stdout.rstrip("\n").endswith(f"\t{words}")


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (IN_PART | {"metadata": {"inputs": 100, "inputs_failed": 0}}, 7),
        (IN_PART | {"metadata": {}}, 7),
        (IN_PART | {"status_snapshot": "running", "metadata": {"inputs_failed": 4}}, 7),
        (IN_PART | {"metadata": {"inputs_failed": 4}}, 8),  # of an attempt before the present one
    ],
)
def test_no_number_is_shown_of_inputs_that_are_not_known_to_have_failed(pcs, row, number):
    pcs.add(NAME, status="completed", panda_task_id=number, panda_tasks=[{"id": 1, **row}])
    assert "status  completed\n" in run(pcs, "show", NAME).stdout
    assert "failed for good" not in run(pcs, "list").stdout


def test_show_as_json_holds_the_task_and_its_command(pcs):
    pcs.add(NAME)
    shown = json.loads(run(pcs, "show", NAME, "--json").stdout)
    assert (shown["name"], shown["command"]) == (NAME, f"prun --outDS {NAME}")


def test_command_prints_the_command_alone(pcs):
    pcs.add(NAME)
    assert run(pcs, "command", NAME).stdout == f"prun --outDS {NAME}\n"


@pytest.mark.parametrize("words", [["show"], ["lock"], ["rerun"], ["watch"]])
def test_a_task_that_is_not_there_ends_with_3(pcs, words):
    result = run(pcs, *words, "none")
    assert result.exit_code == 3
    assert "No task 'none'" in result.stdout + result.stderr


def test_lock_tells_the_new_status_or_what_is_missing(pcs):
    pcs.add(NAME)
    assert run(pcs, "lock", NAME).stdout == f"{NAME}: ready\n"
    pcs.refusals[NAME] = (400, {"detail": "Cannot lock — task is not ready: no evgen tag"})
    result = run(pcs, "lock", NAME)
    assert (result.exit_code, "no evgen tag" in result.stderr) == (4, True)


def test_the_help_tells_the_exit_codes():
    text = " ".join(CliRunner().invoke(commands.app, ["--help"]).stdout.replace("│", " ").split())
    assert "3 no such task" in text
    assert "must NOT be submitted again" in text


def test_names_in_a_file_that_is_no_text_are_a_wrong_usage(pcs, tmp_path: Path):
    (tmp_path / "names").write_bytes(b"\xff\xfe")
    assert run(pcs, "submit", "--from-file", "names").exit_code == 2
