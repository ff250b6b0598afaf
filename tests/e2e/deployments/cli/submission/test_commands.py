"""`prodops task` on a whole stack: PCS, worker, the unmodified prun, the PanDA of the sandbox."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.e2e.production import Production

pytestmark = pytest.mark.e2e


def task(production: Production, *words: str) -> subprocess.CompletedProcess[str]:
    site = production.site
    return site.cli("task", *words, "-m", site.stack.api_url, "-t", site.token)


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def composed(production: Production, name: str) -> str:
    return str(production.show(name)["composed_name"])


@pytest.mark.slow
def test_a_task_is_locked_submitted_shown_and_not_submitted_twice(production):
    name = production.task(lock=False)
    panda_name = composed(production, name)
    assert task(production, "submit", name).returncode == 4
    assert task(production, "lock", name).stdout == f"{panda_name}: ready\n"
    done = task(production, "submit", panda_name, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    [row] = told(done)
    assert production.live(panda_name) == [row["jedi_task_id"]]
    assert f"{name}: 5/10 send" in done.stderr
    again = task(production, "submit", name, "--json")
    assert (again.returncode, told(again)[0]["jedi_task_id"]) == (4, row["jedi_task_id"])
    shown = json.loads(task(production, "show", name, "--json").stdout)
    assert (shown["status"], shown["panda_task_id"]) == ("submitted", row["jedi_task_id"])
    assert f"--outDS {panda_name}" in task(production, "command", name).stdout


@pytest.mark.slow
def test_several_are_submitted_and_followed_together(production):
    names = [production.task() for _ in range(3)]
    done = task(production, "submit", *names, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    ids = [production.live(composed(production, name)) for name in names]
    assert ids == [[row["jedi_task_id"]] for row in told(done)]


@pytest.mark.slow
def test_a_rejected_one_fails_with_panda_s_reason_and_may_be_submitted_anew(production):
    name = production.task()
    production.fault("reject", message="too many tasks")
    done = task(production, "submit", name, "--wait")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "too many tasks" in done.stdout
    anew = task(production, "submit", name, "--wait", "--json")
    assert anew.returncode == 0, anew.stdout + anew.stderr
    assert told(anew)[0]["panda_task_name"] == f"{composed(production, name)}.try2"


@pytest.mark.slow
def test_a_lost_answer_is_followed_until_the_one_task_is_found(production):
    name = production.task()
    production.fault("drop", when="after")
    early = task(production, "submit", name, "--wait", "--timeout", "0", "--json")
    assert early.returncode == 6
    assert told(early)[0]["outcome"] in {"pending", "unknown"}
    watched = task(production, "watch", name, "--json")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    panda_name = composed(production, name)
    assert production.live(panda_name) == [told(watched)[0]["jedi_task_id"]]
    assert len(production.at_panda(panda_name)) == 1


@pytest.mark.slow
def test_a_rerun_gets_the_next_name_and_the_first_id_stays_with_the_first_attempt(production):
    name = production.task()
    first = told(task(production, "submit", name, "--wait", "--json"))[0]["jedi_task_id"]
    done = task(production, "rerun", name, "--wait", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    second = told(done)[0]["jedi_task_id"]
    assert production.live(f"{composed(production, name)}.try2") == [second]
    rows = json.loads(task(production, "show", name, "--json").stdout)["panda_tasks"]
    assert [row["jedi_task_id"] for row in rows] == [first, second]


@pytest.mark.slow
def test_a_submission_waits_for_a_worker_that_comes_back(production):
    name = production.task()
    production.site.kill("worker")
    done = task(production, "submit", name, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_task_that_is_not_there_ends_with_3(production):
    assert task(production, "submit", "no-such-task", "--wait").returncode == 3
    assert task(production, "show", "no-such-task").returncode == 3
