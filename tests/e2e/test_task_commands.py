"""`prodops task` on a whole stack: PCS, worker, the unmodified prun, the PanDA of the sandbox."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from deployments.stack.environment import sandbox_panda_url
from deployments.stack.stack import Stack
from tests.e2e.conftest import QUICK, Site, site_of, wait_until

pytestmark = pytest.mark.e2e

SUBMITTING = {
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SUBMISSION_SERVER_LIMIT_SECONDS": "1",
    "PRODOPS_SUBMISSION_CONFIRM_SECONDS": "2",
    "PRODOPS_SUBMISSION_CHECK_SECONDS": "0.5",
    "PRODOPS_SUBMISSION_TIMEOUT_SECONDS": "20",
}
PARAMETERS = {
    "physics": {"process": "DIS", "beam_energy_electron": "10", "beam_energy_hadron": "100"},
    "evgen": {"generator": "pythia8", "generator_version": "8.316"},
    "simu": {"detector_sim": "npsim", "sim_version": "1.4"},
    "reco": {"reco_version": "1.20", "reco_config": "default"},
}
CONFIG = {
    "name": "quick",
    "copy_reco": True,
    "container_image": "docker://eicweb/jug_xl:26.02.0-stable",
    "panda_site": "BNL_PanDA_1",
    "panda_working_group": "EIC.production",
    "data": {
        "exec_command": "echo hello",
        "official": True,
        "n_jobs": 1,
        "no_build": True,
        "skip_scout": True,
        "outputs": "myout.txt",
    },
}

NewTask = Callable[..., str]


class Pcs:
    """Makes what a production task is made of."""

    def __init__(self, site: Site) -> None:
        self._api = site.api
        self._numbers = itertools.count(1)
        self._post("physics-categories", {"digit": 3, "name": "DIS"})
        self._tags = {f"{kind}_tag": self._tag(kind) for kind in PARAMETERS}
        self._post("prod-configs", CONFIG)

    def new_task(self, *, is_ready: bool = True) -> str:
        """A new production task; gives its composed name."""
        sample = f"sample{next(self._numbers)}"
        detector = {"detector_version": "26.02.0", "detector_config": "epic_craterlake"}
        dataset = self._post("datasets", {**detector, **self._tags, "sample_name": sample})
        made = {"name": sample, "dataset": dataset["id"], "prod_config": CONFIG["name"]}
        task = self._post("prod-tasks", made)
        if is_ready:
            self._post(f"prod-tasks/{sample}/lock", {})
        return str(task["composed_name"])

    def _tag(self, kind: str) -> str:
        category = {"category": 3} if kind == "physics" else {}
        made = self._post(f"{kind}-tags", {"parameters": PARAMETERS[kind], **category})
        self._post(f"{kind}-tags/{made['tag_number']}/lock", {})
        return str(made["tag_label"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._api.post(f"/pcs/api/{path}/", json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Stack.temporary(QUICK | SUBMITTING) as stack, site_of(stack) as site:
        yield site


@pytest.fixture(scope="module")
def new_task(site: Site) -> NewTask:
    return Pcs(site).new_task


@pytest.fixture(scope="module")
def panda(site: Site) -> Iterator[httpx.Client]:
    """The sandbox's own API: its tasks, and faults."""
    with httpx.Client(base_url=f"{sandbox_panda_url(site.stack.settings)}/_sandbox") as client:
        yield client


def task(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return site.cli("task", *words, "-m", site.stack.api_url, "-t", site.token)


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(panda: httpx.Client, name: str) -> list[int]:
    rows = panda.get("/tasks").raise_for_status().json()
    return [row["id"] for row in rows if row["parameters"]["taskName"] == f"{name}/"]


def test_a_task_is_locked_submitted_shown_and_not_submitted_twice(site, new_task, panda):
    name = new_task(is_ready=False)
    assert task(site, "submit", name).returncode == 4
    assert task(site, "lock", name).stdout == f"{name}: ready\n"
    done = task(site, "submit", name, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    [row] = told(done)
    assert named(panda, name) == [row["jedi_task_id"]]
    assert "5/10 send" in done.stderr
    again = task(site, "submit", name, "--json")
    assert (again.returncode, told(again)[0]["jedi_task_id"]) == (4, row["jedi_task_id"])
    shown = json.loads(task(site, "show", name, "--json").stdout)
    assert (shown["status"], shown["panda_task_id"]) == ("submitted", row["jedi_task_id"])
    assert f"--outDS {name}" in task(site, "command", name).stdout


def test_several_are_submitted_and_followed_together(site, new_task, panda):
    names = [new_task() for _ in range(3)]
    done = task(site, "submit", *names, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert [named(panda, name) for name in names] == [[row["jedi_task_id"]] for row in told(done)]


def test_a_rejected_one_fails_with_panda_s_reason_and_may_be_submitted_anew(site, new_task, panda):
    name = new_task()
    fault = {"endpoint": "task/submit", "kind": "reject", "message": "too many tasks"}
    panda.post("/faults", json=fault).raise_for_status()
    done = task(site, "submit", name, "--wait")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "too many tasks" in done.stdout
    anew = task(site, "submit", name, "--wait", "--json")
    assert told(anew)[0]["panda_task_name"] == f"{name}.try2"
    assert anew.returncode == 0


def test_a_lost_answer_is_found_out_and_makes_one_task(site, new_task, panda):
    name = new_task()
    fault = {"endpoint": "task/submit", "kind": "drop", "when": "after"}
    panda.post("/faults", json=fault).raise_for_status()
    early = task(site, "submit", name, "--wait", "--timeout", "2", "--json")
    assert told(early)[0]["outcome"] in {"pending", "unknown", "submitted"}
    assert early.returncode == (0 if told(early)[0]["outcome"] == "submitted" else 6)
    watched = task(site, "watch", name, "--json")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert named(panda, name) == [told(watched)[0]["jedi_task_id"]]


def test_a_rerun_gets_the_next_name_and_the_first_id_stays_until_then(site, new_task, panda):
    name = new_task()
    first = told(task(site, "submit", name, "--wait", "--json"))[0]["jedi_task_id"]
    done = task(site, "rerun", name, "--wait", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    second = told(done)[0]["jedi_task_id"]
    assert (named(panda, name), named(panda, f"{name}.try2")) == ([first], [second])
    rows = json.loads(task(site, "show", name, "--json").stdout)["panda_tasks"]
    assert [row["jedi_task_id"] for row in rows] == [first, second]


def test_a_submission_waits_for_a_worker_that_comes_back(site, new_task):
    name = new_task()
    site.kill("worker")
    done = task(site, "submit", name, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(site.is_quiet, 30)


def test_a_task_that_is_not_there_ends_with_3(site):
    assert task(site, "submit", "no-such-task", "--wait").returncode == 3
    assert task(site, "show", "no-such-task").returncode == 3
