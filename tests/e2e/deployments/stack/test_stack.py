"""The stack's own parts as processes: killed, restarted, and gone when their keeper is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.stack.errors import StackDown
from deployments.stack.stack import Stack
from deployments.stack.temporary import remove_state, temporary_settings
from tests.e2e.conftest import is_alive
from tests.stacks import running_stack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.e2e

_STATE_DIRS: list[Path] = []

KEEPER = """
import sys, time
from tests.stacks import running_stack
with running_stack(parts=("postgres",)) as stack:
    print(stack.state_dir, stack.pid("supervisord"), flush=True)
    time.sleep(600)
"""


def is_restarted(stack: Stack, part: str, before: int) -> bool:
    try:
        return stack.pid(part) != before and stack.state(part).is_running
    except StackDown:
        return False


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def all_ended(processes: list[psutil.Process]) -> bool:
    return not any(is_alive(process.pid) for process in processes)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(parts=("postgres",)) as stack:
        yield stack


@pytest.fixture(scope="module")
def stack_with_prefect() -> Iterator[Stack]:
    with running_stack(parts=("postgres", "prefect")) as stack:
        yield stack


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()
        process.wait()
    for state_dir in _STATE_DIRS:
        if state_dir.exists():
            remove_state(temporary_settings({"PRODOPS_STATE_DIR": str(state_dir)}))
    _STATE_DIRS.clear()


def test_prefect_answers_with_its_password_only(whole_stack: Stack):
    password_file = Path(whole_stack.environment("ops")["PRODOPS_PREFECT_PASSWORD_FILE"])
    user, _, password = password_file.read_text().partition(":")
    url = f"{whole_stack.prefect_url}/flows/count"

    assert httpx.post(url, json={}).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.post(url, json={}, auth=(user, password)).json() > 0


def test_prefect_listens_on_loopback_and_is_one_process(whole_stack: Stack):
    process = psutil.Process(whole_stack.pid("prefect"))

    listening = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert process.children() == []


def test_the_interface_shows_no_promotion_and_sends_nothing_home(whole_stack: Stack):
    process = psutil.Process(whole_stack.pid("prefect"))
    peers = {c.raddr.ip for c in process.net_connections() if c.raddr}

    assert peers <= {"127.0.0.1"}


def test_a_killed_part_is_restarted_and_works(stack: Stack):
    before = stack.pid("postgres")

    os.kill(before, signal.SIGKILL)
    wait_until(lambda: is_restarted(stack, "postgres", before))

    stack.wait_ready("postgres")


@pytest.mark.slow
@pytest.mark.parametrize("part", ["postgres", "prefect"])
def test_prefect_works_after_a_kill_of_it_or_its_database(stack_with_prefect: Stack, part: str):
    before = stack_with_prefect.pid(part)

    os.kill(before, signal.SIGKILL)
    wait_until(lambda: is_restarted(stack_with_prefect, part, before))

    stack_with_prefect.wait_ready(part)
    stack_with_prefect.wait_ready("prefect")


@pytest.mark.slow
def test_a_restarted_part_is_ready_again(stack_with_prefect: Stack):
    before = stack_with_prefect.pid("prefect")

    stack_with_prefect.restart("prefect")

    assert stack_with_prefect.pid("prefect") != before


def test_the_log_marks_each_start(stack: Stack):
    assert "prodops: starting postgres (pid " in stack.layout.log("postgres").read_text()


@pytest.mark.slow
def test_killing_supervisord_leaves_no_process():
    with running_stack(parts=("postgres",)) as stack:
        processes = family(stack.pid("supervisord"))
        os.kill(stack.pid("supervisord"), signal.SIGKILL)

        wait_until(lambda: all_ended(processes))


@pytest.mark.slow
def test_killing_the_keeper_leaves_no_process(keeper: subprocess.Popen[str]):
    processes = _family_of(keeper)

    keeper.kill()

    wait_until(lambda: all_ended(processes))


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_ends_a_temporary_stack_without_a_trace(
    keeper: subprocess.Popen[str], number: signal.Signals
):
    processes = _family_of(keeper)

    keeper.send_signal(number)

    wait_until(lambda: all_ended(processes))
    keeper.wait(PATIENCE)
    assert not _STATE_DIRS[0].exists()


@pytest.mark.slow
def test_an_error_ends_a_temporary_stack_without_a_trace():
    processes: list[psutil.Process] = []

    def fail_inside() -> None:
        with running_stack(parts=("postgres",)) as stack:
            processes.extend(family(stack.pid("supervisord")))
            raise RuntimeError("a test broke")

    with pytest.raises(RuntimeError, match="a test broke"):
        fail_inside()

    assert all_ended(processes)


def _family_of(keeper: subprocess.Popen[str]) -> list[psutil.Process]:
    assert keeper.stdout is not None
    state_dir, pid = keeper.stdout.readline().split()
    _STATE_DIRS.append(Path(state_dir))
    return family(int(pid))
