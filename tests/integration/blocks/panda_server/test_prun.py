"""prun as a child: its end, its group, its output; doubles of it, and the unmodified one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blocks.panda_server import PrunMissing, UnsafePath, prun_environment, run_prun
from blocks.panda_server.process_group import group_members
from blocks.panda_server.prun import PrunOutcome
from deployments.sandbox.panda import PandaSandbox

pytestmark = pytest.mark.integration
HOSTILE = ["it's", 'a "b"', "$(touch pwned)", "`touch pwned`", "two\nlines", "; touch pwned", "*",
           "--x=\\", "é", ""]  # fmt: skip
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

Runner = Callable[..., PrunOutcome]


@pytest.fixture
def double(tmp_path: Path) -> Runner:
    """Runs a shell script in the place of prun; its directory is `work`."""
    program, work = tmp_path / "prun", tmp_path / "work"
    work.mkdir()

    def run(script: str, *arguments: str, timeout_seconds: float = 20, **more) -> PrunOutcome:
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o700)
        return run_prun(
            arguments, program=program, cwd=work, timeout_seconds=timeout_seconds,
            **{"environment": ENVIRONMENT, **more},
        )  # fmt: skip

    return run


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_both_outputs_and_the_exit_code_come_back(double: Runner):
    outcome = double("echo out; echo err >&2; exit 90")
    assert (outcome.returncode, outcome.output) == (90, "out\nerr\n")
    assert not outcome.is_timed_out
    assert outcome.survivors == ()


def test_arguments_and_environment_arrive_as_they_are(double: Runner, tmp_path: Path):
    outcome = double("printf '%s\\0' \"$@\"; env -0", *HOSTILE)
    values = outcome.output.split("\0")
    assert values[: len(HOSTILE)] == HOSTILE
    names = {value.partition("=")[0] for value in values[len(HOSTILE) :] if value}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_"}
    assert list((tmp_path / "work").iterdir()) == []


def test_a_question_finds_no_answer_and_hangs_nobody(double: Runner):
    assert double("read -r answer; echo $?").output == "1\n"


def test_prun_leads_a_group_of_its_own_in_our_session(double: Runner):
    pids: list[int] = []
    outcome = double("read -ra stat < /proc/$$/stat; echo ${stat[@]:4:2}", started=pids.append)
    group, session = map(int, outcome.output.split())
    assert [group] == pids
    assert session == os.getsid(0)


def test_at_its_time_the_whole_group_is_ended(double: Runner):
    pids: list[int] = []
    outcome = double("sleep 600 & echo $!; wait", timeout_seconds=0.4, started=pids.append)
    assert (outcome.returncode, outcome.is_timed_out) == (None, True)
    assert is_gone(int(outcome.output))
    assert group_members(pids[0]) == ()
    assert 0.4 <= outcome.seconds < 2


def test_what_does_not_heed_sigterm_is_killed_and_its_last_words_are_kept(double: Runner):
    script = "trap 'echo asked' TERM; (trap '' TERM; sleep 600) & while :; do wait; done"
    pids: list[int] = []
    outcome = double(script, timeout_seconds=0.4, started=pids.append)
    assert outcome.output == "asked\n"
    assert group_members(pids[0]) == ()
    assert 2.4 <= outcome.seconds < 4


def test_a_grandchild_that_prun_leaves_behind_holds_nothing_up_and_is_gone(double: Runner):
    outcome = double("sleep 600 & echo $!; exit 0")
    assert outcome.returncode == 0
    assert is_gone(int(outcome.output))
    assert outcome.seconds < 5


def test_one_who_closes_its_output_is_still_waited_for(double: Runner):
    outcome = double("exec >&- 2>&-; sleep 0.3; exit 7")
    assert outcome.returncode == 7
    assert outcome.seconds >= 0.3


def test_endless_output_is_bounded_and_keeps_both_ends(double: Runner):
    outcome = double("echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert outcome.output.startswith("first\nxxx")
    assert outcome.output.endswith("xxx\nlast\n")
    assert "bytes left out" in outcome.output
    assert len(outcome.output) < 257 * 1024


def test_the_token_is_blotted_out_of_the_output(double: Runner):
    environment = ENVIRONMENT | {"PANDA_AUTH_ID_TOKEN": "eyJ.secret.token"}
    outcome = double('echo "Bearer $PANDA_AUTH_ID_TOKEN"', environment=environment)
    assert outcome.output == "Bearer …\n"


def test_whoever_interrupts_the_wait_ends_the_group(double: Runner):
    pids: list[int] = []

    def leave(*_: object) -> None:
        raise SystemExit(3)

    former = signal.signal(signal.SIGALRM, leave)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(SystemExit):
            double("sleep 600 & sleep 600", started=pids.append)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert group_members(pids[0]) == ()


def test_a_failure_right_after_the_start_ends_the_group(double: Runner):
    pids: list[int] = []

    def fail(pid: int) -> None:
        pids.append(pid)
        raise LookupError

    with pytest.raises(LookupError):
        double("sleep 600", started=fail)
    assert group_members(pids[0]) == ()


def test_no_handle_is_left_open(double: Runner):
    double("true")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not named
    double("true")
    double("sleep 600", timeout_seconds=0.1)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_prun_that_is_not_there_or_may_not_run_is_missing(tmp_path: Path):
    for program in (tmp_path / "nothing", tmp_path):
        with pytest.raises(PrunMissing, match="cannot be started"):
            run_prun([], program=program, cwd=tmp_path, environment=ENVIRONMENT, timeout_seconds=5)


@pytest.mark.parametrize("name", ["with blank", "quote's", "$HOME", "a;b", "new\nline", "nowhere"])
def test_a_sandbox_that_prun_would_hand_to_a_shell_or_that_is_none_is_refused(tmp_path, name):
    cwd = tmp_path / name
    if name != "nowhere":
        cwd.mkdir()
    with pytest.raises(UnsafePath):
        run_prun([], program=Path("/bin/true"), cwd=cwd, environment=ENVIRONMENT, timeout_seconds=5)


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=0) as running:
        yield running


@pytest.fixture
def prun(panda: PandaSandbox, tmp_path: Path) -> Runner:
    """Runs the unmodified prun against the sandbox; its sandbox is `work`."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    environment = prun_environment(
        token=panda.token(), url_ssl=panda.url, auth_vo="EIC.production", private_dir=home
    )

    def run(*arguments: str, timeout_seconds: float = 30) -> PrunOutcome:
        return run_prun(
            ["--outDS", "group.EIC.one", "--official", "--vo", "wlcg", "--noBuild", *arguments],
            program=Path(sys.prefix) / "bin" / "prun",
            cwd=work,
            environment=environment,
            timeout_seconds=timeout_seconds,
        )

    return run


def test_the_unmodified_prun_submits_and_leaves_nothing(prun: Runner, panda, tmp_path: Path):
    outcome = prun("--exec", "./my_script.sh", "--nJobs", "1")
    assert outcome.returncode == 0
    assert "new jediTaskID=1" in outcome.output
    assert [task["parameters"]["taskName"] for task in panda.tasks()] == ["group.EIC.one/"]
    assert panda.tasks()[0]["parameters"]["sourceURL"] == panda.url
    assert list((tmp_path / "home").iterdir()) == list((tmp_path / "work").iterdir()) == []


def test_no_shell_reads_what_the_unmodified_prun_is_told(prun: Runner, panda, tmp_path: Path):
    text = f"x $(touch {tmp_path}/pwned) `touch {tmp_path}/pwned`; touch {tmp_path}/pwned 'a\"b\nc"
    assert prun("--exec", text).returncode == 0
    assert "touch" in str(panda.tasks()[0]["parameters"])
    assert not (tmp_path / "pwned").exists()


def test_files_of_the_sandbox_are_packed_and_never_run(prun: Runner, panda, tmp_path: Path):
    for name in ("json.py", "pandaclient.py", "httpx.py"):
        (tmp_path / "work" / name).write_text("raise SystemExit('imported')")
    outcome = prun("--exec", "./my_script.sh")
    assert outcome.returncode == 0, outcome.output
    assert len(panda.journal("file_server/upload_cache_file")) == 1


@pytest.mark.slow
def test_a_server_that_hangs_costs_no_more_than_the_time_given(prun: Runner, panda):
    panda.fault("task/submit", "hang")
    begun = time.monotonic()
    outcome = prun("--exec", "./my_script.sh", timeout_seconds=6)
    assert outcome.is_timed_out
    assert "INFO : submit group.EIC.one/" in outcome.output
    assert time.monotonic() - begun < 20
