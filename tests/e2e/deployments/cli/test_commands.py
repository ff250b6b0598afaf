"""The commands that a person types: up, status, logs, down, token, run; what stops them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from tests.cases import same
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

_COMMAND = [sys.executable, "-m", "deployments.cli"]


class Terminal:
    """Runs commands with the settings of one temporary stack."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**os.environ, **environment}

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_COMMAND, *words], env={**self.environment, **changes}, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip

    @contextmanager
    def start(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [*_COMMAND, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    given = temporary_environment({"PRODOPS_FASTMON_IDLE_SECONDS": "1"})
    yield Terminal(given)
    Terminal(given).run("down")
    remove_state(temporary_settings(given))


@pytest.mark.slow
def test_a_day_of_a_stack_from_up_to_ctrl_c(terminal: Terminal) -> None:
    assert terminal.run("status").returncode == 3
    with terminal.start("up") as stack:
        text = _until_up(stack)
        assert "/fastmon/" in text
        assert "everything is up after" in text
        _see_status(terminal)
        _follow_a_request(terminal)
        _follow_a_log(terminal)
        assert terminal.run("up").returncode == 1, "it is up already"
        family = psutil.Process(stack.pid).children(recursive=True)
        assert len(family) > 6
        stack.send_signal(signal.SIGINT)
        assert stack.wait(60) in {0, 130, -signal.SIGINT}
        assert [each for each in family if each.is_running()] == []


def _until_up(stack: subprocess.Popen[str]) -> str:
    assert stack.stdout is not None
    lines = []
    for line in stack.stdout:
        lines.append(line)
        if line.strip().startswith("state"):
            break
    return "".join(lines)


def _see_status(terminal: Terminal) -> None:
    told = terminal.run("status", "--json")
    assert told.returncode == 0, told.stdout
    parts = {part["part"]: part["state"] for part in json.loads(told.stdout)["parts"]}
    assert parts == dict.fromkeys(
        ["postgres", "prefect", "api", "relay", "worker", "notifier"], "running"
    )


def _follow_a_request(terminal: Terminal) -> None:
    done = terminal.run("run", "check_pipeline", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "completed" in done.stdout
    key = terminal.run("token", "create", "tester", "--scope", "operate").stdout.strip()
    url = f"http://127.0.0.1:{terminal.environment['PRODOPS_API_PORT']}"
    rows = json.loads(terminal.run("token", "list", "--json").stdout)
    assert [row["owner"] for row in rows] == ["prodops", "tester"]  # the ops side's own is first
    accepted = httpx.post(
        f"{url}/api/actions/check_pipeline/", headers={"Authorization": f"Token {key}"}, json={}
    )
    assert accepted.status_code == 202
    watched = terminal.run("request", "watch", str(accepted.json()["request_id"]))
    assert watched.returncode == 0
    # A scheduled action may have run meanwhile.
    words = ("request", "list", "--action", "check_pipeline", "--json")
    listed = json.loads(terminal.run(*words).stdout)
    assert [row["action"] for row in listed] == ["check_pipeline"] * 2
    refused = terminal.run("run", "check_pipeline", "-p", "x=1")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "x" in refused.stderr


def _follow_a_log(terminal: Terminal) -> None:
    assert "the worker is ready" in terminal.run("logs", "worker").stdout
    with terminal.start("logs", "api", "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline()
        following.send_signal(signal.SIGINT)
        assert following.wait(PATIENCE) in {0, 130, -signal.SIGINT}


@pytest.mark.slow
def test_detached_up_returns_and_down_leaves_nothing(terminal: Terminal) -> None:
    began = time.monotonic()
    assert terminal.run("up", "--detach").returncode == 0
    assert terminal.run("status").returncode == 0
    lock = Path(terminal.environment["PRODOPS_STATE_DIR"]) / "up.lock"
    family = psutil.Process(int(lock.read_text())).children(recursive=True)
    assert terminal.run("down").returncode == 0
    assert [each for each in family if each.is_running()] == []
    assert terminal.run("status").returncode == 3
    assert terminal.run("down").returncode != 0
    assert time.monotonic() - began < 100


def test_a_busy_port_is_told_with_its_setting_and_owner(terminal: Terminal) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", int(terminal.environment["PRODOPS_API_PORT"])))
        busy.listen()
        told = terminal.run("up")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "PRODOPS_API_PORT" in told.stderr
    assert str(os.getpid()) in told.stderr


@pytest.mark.parametrize("command", same("up", "status", "worker", "api"))
def test_a_bad_setting_is_one_line_and_exit_2(terminal: Terminal, command: str) -> None:
    told = terminal.run(command, PRODOPS_FASTMON_SELECTION_FRACTION="two")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "PRODOPS_FASTMON_SELECTION_FRACTION" in told.stderr


@pytest.mark.slow
def test_a_stack_in_odd_surroundings() -> None:
    """Dead proxies without exceptions, another time zone, IPv6, no HOME, beside another stack."""
    odd = {
        "HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
        "All_Proxy": "http://127.0.0.1:9", "TZ": "Asia/Kathmandu", "PGTZ": "Asia/Kathmandu",
    }  # fmt: skip
    given = []
    try:
        for host in ("::", "::1"):  # its free ports are sought when those of the first are taken
            given.append(temporary_environment({"PRODOPS_API_HOST": host}))
            terminal = Terminal({**given[-1], **odd})
            for name in [n for n in terminal.environment if n.lower() in {"no_proxy", "home"}]:
                del terminal.environment[name]
            up = terminal.run("up", "--detach")
            assert up.returncode == 0, up.stdout + up.stderr
            done = terminal.run("run", "check_pipeline", "--wait")
            assert done.returncode == 0, done.stdout + done.stderr
            [row] = json.loads(terminal.run("request", "list", "--json").stdout)
            assert row["created_at"].endswith(("Z", "+00:00"))
        assert "http://[::1]:" in up.stdout
    finally:
        for each in given:
            Terminal({**each, **odd}).run("down")
            remove_state(temporary_settings(each))
