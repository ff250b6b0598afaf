"""A run's processes are found and ended by their OS session, and what escaped by its marker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deployments.worker import session
from deployments.worker.protocol import (
    Ended,
    EndReason,
    Intent,
    Start,
    Started,
    Stop,
    decode,
    encode,
)
from flows.common import sessions
from tests.waiting import wait_until

SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(60)")
FAMILY = """
import subprocess, sys, time
same = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
apart = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"],
                         process_group=0)
print(same.pid, apart.pid, flush=True)
time.sleep(60)
"""
ORPHAN = """
import os, signal, sys
from deployments.parent_death import die_with_parent
parent = os.getpid()
if os.fork() == 0:
    die_with_parent(parent, signal.SIGKILL)
    print(os.getpid(), flush=True)
    signal.pause()
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[tuple[int, set[int]]]:
    """A session's leader, and all its members: one child has a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", FAMILY],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as leader:
        assert leader.stdout is not None
        children = {int(pid) for pid in leader.stdout.readline().split()}
        yield leader.pid, {leader.pid, *children}
        session.signal_session(leader.pid, signal.SIGKILL)


def test_members_are_the_sessions_processes_whatever_their_group(family):
    leader, everyone = family
    assert set(sessions.members(leader)) == everyone
    assert len({os.getpgid(pid) for pid in everyone}) == 2


def test_a_signal_reaches_every_process_of_the_session_and_no_other(family):
    leader, everyone = family
    assert session.signal_session(leader, signal.SIGKILL) == len(everyone)
    wait_until(lambda: sessions.members(leader) == [])


def test_a_session_that_is_gone_has_no_members_and_takes_no_signal():
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
    assert session.signal_session(process.pid, signal.SIGKILL) == 0


def test_a_zombie_does_not_count():
    with subprocess.Popen(["true"], start_new_session=True) as process:
        wait_until(lambda: sessions.members(process.pid) == [])


def test_leftovers_are_known_by_the_whole_marker_even_in_a_session_of_their_own():
    marks = {"ours": "/state:worker", "longer": "/state:worker-2", "none": ""}
    processes = {
        name: subprocess.Popen(
            SLEEP, env={**os.environ, sessions.MARKER: mark}, start_new_session=True
        )
        for name, mark in marks.items()
    }
    try:
        wait_until(lambda: session.leftovers("/state:worker") == [processes["ours"].pid])
        assert session.kill_leftovers("/state:worker") == [processes["ours"].pid]
        assert processes["ours"].wait(5) == -signal.SIGKILL
        assert [processes[name].poll() for name in ("longer", "none")] == [None, None]
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_the_searching_process_is_no_leftover(monkeypatch):
    monkeypatch.setenv(sessions.MARKER, "here")
    assert session.leftovers("here") == []


def test_a_child_dies_with_its_parent():
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        wait_until(lambda: not sessions.is_alive(child))


@pytest.mark.parametrize(
    "message",
    [
        Start(
            run="r",
            flow_run={"id": "x", "name": "a\nb"},
            entrypoint="a.b:c",
            request_id=1,
            attempt=2,
            timeout_seconds=3.0,
            grace_seconds=0.5,
        ),
        Started(run="r", pid=7),
        Stop(run="r", intent=Intent.RESCHEDULE, grace_seconds=1.0),
        Ended(run="r", reason=EndReason.TIMED_OUT, exit_code=-9),
    ],
)
def test_a_message_between_worker_and_guardian_is_one_line_and_comes_back(message):
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line.rstrip(b"\n")) == message
