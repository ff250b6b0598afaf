"""The how-to "write an agent", followed: its agent runs, is killed, and says each thing once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deployments.reference import ROOT
from tests.conftest import ServedApi
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration

PAGE = ROOT / "docs" / "how-to" / "write-an-agent.md"
BLOCK = re.compile(r"^```python file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    [(name, text)] = BLOCK.findall(PAGE.read_text())
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.fixture
def start(example: Path, served_api: ServedApi, tmp_path: Path) -> Iterator[Start]:
    """Starts the page's agent, and waits until it is ready."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "SWF_MONITOR_URL": served_api.url,
        "SWF_API_TOKEN": served_api.token, "PRODOPS_AGENT_NAMESPACE": "torre1",
        "PRODOPS_STATE_DIR": str(tmp_path / "state"),
    }  # fmt: skip

    def begin() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, example], env=environment, cwd=tmp_path)
        running.append(process)
        with served_api.client() as api:
            wait_until(lambda: ("READY", process.pid) in states(api))
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait(PATIENCE)


def states(api: httpx.Client) -> list[tuple[str, int]]:
    found = api.get("/api/systemagents/").json()
    return [(each["operational_state"], each["pid"]) for each in found]


def summaries(api: httpx.Client) -> list[tuple[str, int, int]]:
    rows = api.get("/api/workflow-messages/", params={"message_type": "run_summary"}).json()
    said = [row["message_content"] for row in rows]
    return [(each["run_id"], each["stf_files"], each["size_bytes"]) for each in said]


def end_run(api: httpx.Client, run: int, stfs: int) -> None:
    """Register a run with STFs, and say that it has ended."""
    row = {"run_number": run, "start_time": "2026-01-02T00:00:00Z"}
    key = api.post("/api/runs/", json=row).json()["run_id"]
    for number in range(stfs):
        stf = {"run": key, "stf_filename": f"{run}.{number}.stf", "file_size_bytes": 10}
        assert api.post("/api/stf-files/", json=stf).status_code == 201
    body = {"msg_type": "end_run", "namespace": "torre1", "run_id": str(run)}
    assert api.post("/api/messages/", json=body).status_code == 201


def test_the_page_s_agent_says_each_thing_once_whatever_happens(start: Start, api: httpx.Client):
    agent = start()
    end_run(api, 7, stfs=3)
    wait_until(lambda: summaries(api) == [("7", 3, 30)])
    agent.kill()
    agent.wait(PATIENCE)
    end_run(api, 8, stfs=1)
    agent = start()
    wait_until(lambda: summaries(api) == [("7", 3, 30), ("8", 1, 10)])
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(PATIENCE) == 0
    assert [state for state, _ in states(api)] == ["EXITED"]


def test_the_page_s_code_keeps_the_house_style(example: Path):
    # It is a program, in no package.
    for words in (["check", "--extend-ignore", "INP001"], ["format", "--check"]):
        command = ["ruff", *words, "--config", str(ROOT / "pyproject.toml"), str(example)]
        ended = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout
