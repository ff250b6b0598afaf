"""prodops as the testbed's agents see it: with two workers, the original's cleaner kills nobody."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deployments.stack.stack import Stack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.e2e

_FRESH = timedelta(seconds=120)
_SECOND = f"second@{socket.gethostname()}"


@pytest.fixture
def second_worker(whole_stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    environment = whole_stack.environment("ops") | {"PRODOPS_WORKER_NAME": "second"}
    command = [sys.executable, "-m", "deployments.cli", "worker"]
    with subprocess.Popen(command, env=environment, cwd=whole_stack.state_dir) as process:
        wait_until(lambda: agent(whole_stack, _SECOND)["operational_state"] == "READY")
        yield process
        process.terminate()
        process.wait(PATIENCE)


def agents(stack: Stack) -> list[dict[str, Any]]:
    """As the cleaner asks for them."""
    answer = httpx.get(f"{stack.api_url}/api/systemagents/").raise_for_status()
    rows: list[dict[str, Any]] = answer.json()
    return rows


def agent(stack: Stack, name: str) -> dict[str, Any]:
    found = [row for row in agents(stack) if row["instance_name"] == name]
    return found[0] if found else {"operational_state": None}


def condemned(stack: Stack, main_pid: int) -> list[int]:
    """The pids that the original's cleaner would kill (ops contract section 6.2)."""
    now = datetime.now(UTC)
    return [
        row["pid"]
        for row in agents(stack)
        if row["agent_type"] == "PRODOPS"
        and row["pid"]
        and row["operational_state"] != "EXITED"
        and now - datetime.fromisoformat(row["last_heartbeat"]) < _FRESH
        and row["pid"] != main_pid
        and row["hostname"] == socket.gethostname()
    ]


@pytest.mark.slow
def test_one_row_of_the_host_has_the_units_pid_and_the_cleaner_kills_nobody(
    whole_stack: Stack, second_worker: subprocess.Popen[bytes]
) -> None:
    rows = [row for row in agents(whole_stack) if row["agent_type"] == "PRODOPS"]
    assert [row["pid"] for row in rows] == [whole_stack.pid("supervisord")]
    assert rows[0]["operational_state"] in {"READY", "PROCESSING"}
    assert condemned(whole_stack, whole_stack.pid("supervisord")) == []
    assert agent(whole_stack, _SECOND)["pid"] == second_worker.pid


@pytest.mark.slow
def test_a_worker_that_ends_says_so(
    whole_stack: Stack, second_worker: subprocess.Popen[bytes]
) -> None:
    second_worker.send_signal(signal.SIGTERM)
    second_worker.wait(PATIENCE)
    assert agent(whole_stack, _SECOND)["operational_state"] == "EXITED"
    [row] = [row for row in agents(whole_stack) if row["agent_type"] == "PRODOPS"]
    assert row["operational_state"] != "EXITED"


def test_the_sampler_is_one_agent_of_its_own(whole_stack: Stack) -> None:
    rows = [row for row in agents(whole_stack) if row["agent_type"] == "fastmon"]
    assert [row["pid"] for row in rows] == [whole_stack.pid("worker")]
