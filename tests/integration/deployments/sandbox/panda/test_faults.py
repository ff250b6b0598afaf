"""The PanDA of the sandbox goes wrong on demand, is steered over HTTP, and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.sandbox.panda import PandaSandbox
from tests.panda_calls import NAME, NEVER_REFINED, headers, submit
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def test_a_fault_strikes_the_named_task_as_often_as_asked(panda: PandaSandbox) -> None:
    panda.fault("task/submit", "reject", name="struck", times=2, message="no")
    outcomes = [submit(panda, f"group.EIC.{name}/")["message"] for name in
                ("spared", "struck", "struck", "struck")]  # fmt: skip
    assert outcomes == ["succeeded. new jediTaskID=1", "no", "no", "succeeded. new jediTaskID=2"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("drop", httpx.ReadError),
        ("truncate", httpx.RemoteProtocolError),
        ("hang", httpx.ReadTimeout),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_may_be_lost_before_or_after_the_task_is_there(
    panda: PandaSandbox, kind: str, when: str, error: type[Exception]
) -> None:
    panda.fault("task/submit", kind, when)
    body = {"taskName": NAME, "vo": "wlcg", "prodSourceLabel": "test"}
    with pytest.raises(error):
        httpx.post(
            f"{panda.url}/api/v1/task/submit",
            json={"task_parameters": body},
            headers=headers(panda),
            timeout=0.5,
        )
    assert len(panda.tasks()) == (when == "after")
    (entry,) = panda.journal("task/submit")
    assert (entry["fault"], entry["task_name"]) == (f"{kind}-{when}", NAME)
    assert entry["answer_id"] == (1 if when == "after" else None)


def test_a_server_that_refuses_is_back_at_the_same_address(panda: PandaSandbox) -> None:
    panda.fault("system/is_alive", "refuse", seconds=1)
    with pytest.raises(httpx.ReadError):
        httpx.get(f"{panda.url}/api/v1/system/is_alive")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{panda.url}/api/v1/system/is_alive")
    wait_until(lambda: _answers(panda.url))


def test_a_slow_answer_is_a_right_one(panda: PandaSandbox) -> None:
    panda.fault("task/submit", "slow", "after", seconds=0.2)
    started = time.monotonic()
    assert submit(panda)["success"] is True
    assert time.monotonic() - started >= 0.2


def test_faults_states_and_tokens_are_steered_over_http(panda: PandaSandbox) -> None:
    own = f"{panda.url}/_sandbox"
    asked = {"endpoint": "task/submit", "kind": "drop", "when": "after", "name": "x"}
    (fault,) = httpx.post(f"{own}/faults", json=asked).json()
    assert asked.items() <= fault.items()
    assert httpx.delete(f"{own}/faults").json() == []
    submit(panda)
    httpx.post(f"{own}/tasks/1", json={"status": "done"})
    assert httpx.get(f"{own}/tasks/1").json()["status"] == "done"
    assert [task["id"] for task in httpx.get(f"{own}/tasks").json()] == [1]
    assert httpx.get(f"{own}/journal").json()[-1]["answer_id"] == 1
    httpx.post(f"{own}/tokens", json={"seconds": -5})
    assert (
        "Signature has expired"
        in httpx.get(f"{panda.url}/api/v1/task/get_job_ids?task_id=1", headers=headers(panda)).text
    )


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("faults", {"endpoint": "task/submit", "kind": "nonsense"}, 400),
        ("faults", {"endpoint": "task/submit", "kind": "drop", "name": "("}, 400),
        ("tasks/1", {"status": "nonsense"}, 400),
        ("tasks/1", {"status": "done"}, 404),
        ("nonsense", {}, 404),
    ],
)
def test_a_control_that_makes_no_sense_says_so(
    panda: PandaSandbox, path: str, body: dict[str, Any], status: int
) -> None:
    answer = httpx.post(f"{panda.url}/_sandbox/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_page_of_a_task_shows_what_it_is_and_runs_no_script(panda: PandaSandbox) -> None:
    submit(panda, "group.EIC.<script>alert(1)</script>/")
    page = httpx.get(f"{panda.url}/task/1/")
    assert page.headers["content-type"].startswith("text/html")
    assert "waiting" in page.text
    assert "<script" not in page.text
    assert 'href="/task/1/"' in httpx.get(panda.url).text
    assert httpx.get(f"{panda.url}/task/2/").status_code == 404


def test_a_restarted_server_knows_its_tasks_tokens_and_sandboxes(tmp_path: Path) -> None:
    with PandaSandbox(tmp_path, refine_seconds=NEVER_REFINED) as panda:
        submit(panda)
        panda.refine()
        before, sent = panda.tasks(), headers(panda)
    with PandaSandbox(tmp_path, refine_seconds=NEVER_REFINED) as panda:
        assert panda.tasks() == before
        assert submit(panda)["data"] == 2
        assert submit(panda, "group.EIC.other/")["data"] == 2
        asked = f"{panda.url}/api/v1/task/get_job_ids?task_id=1"
        assert httpx.get(asked, headers=sent).json()["success"] is True
        assert len(panda.journal("task/submit")) == 3


def test_as_a_process_it_serves_until_it_is_told_to_end(tmp_path: Path, free_port: int) -> None:
    environment = os.environ | {
        "PRODOPS_STATE_DIR": str(tmp_path),
        "PRODOPS_SANDBOX_PANDA_PORT": str(free_port),
    }
    command = [sys.executable, "-m", "deployments.sandbox.panda"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: _answers(f"http://127.0.0.1:{free_port}"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "sandbox" / "panda" / "pathena" / ".token").exists()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/system/is_alive").is_success
    except httpx.TransportError:
        return False
