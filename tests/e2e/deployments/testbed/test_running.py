"""`testbed run` on a whole stack: from the agents' start to the workflow's end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows.common.database import transaction
from tests.e2e.conftest import TFS_PER_STF, Site
from tests.e2e.deployments.testbed.bed import Bed
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.e2e

ALL = ("data", "processing", "fast_processing")


def report(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def kinds(site: Site, namespace: str) -> list[str]:
    return [event.msg_type for event in site.events(namespace=namespace)]


def count(site: Site, statement: str, **parameters: Any) -> int:
    with transaction(site.engine) as session:
        return int(session.scalar(text(statement), parameters))


def test_a_run_from_another_directory_brings_all_agents_and_every_count(bed: Bed, tmp_path: Path):
    bed.write(*ALL, "fastmon")
    told = report(bed.run("run", str(bed.file), "--stf-count", "3", "--json", cwd=tmp_path))
    run, heard = told["run_number"], told["heard"]
    assert (told["status"], told["stf_files"]) == ("completed", 3)
    assert sorted(told["agents"]) == sorted([*ALL, "fastmon"])
    assert [heard[each] for each in ("stf_gen", "stf_ready", "processing_complete")] == [3, 3, 3]
    assert heard["tf_file_registered"] == 3 * TFS_PER_STF
    slices = "SELECT count(*) FROM swf_tf_slices WHERE run_number = :run"
    assert heard["slice"] == count(bed.site, slices, run=run) > 0
    stfs = """SELECT count(*) FROM swf_stf_files JOIN swf_runs USING (run_id)
              WHERE run_number = :run AND status = 'processed'"""
    assert count(bed.site, stfs, run=run) == 3
    assert {row["state"] for row in bed.status().values()} == {"READY"}


@pytest.mark.slow
def test_the_execution_says_which_value_came_from_where(bed: Bed):
    bed.write(parameters="[fast_processing]\nnum_tf_per_slice = 5\n[parameters]\nstf_count = 7\n")
    told = report(bed.run("run", "--no-realtime", "--stf-count", "1", "--json"))
    with transaction(bed.site.engine) as session:
        query = "SELECT parameter_values FROM swf_workflow_executions WHERE execution_id = :id"
        found = session.scalar(text(query), {"id": told["execution_id"]})
    assert found["sources"]["fast_processing"] == found["sources"]["fast_processing"] | {
        "stf_count": "--stf-count", "num_tf_per_slice": "testbed.toml [fast_processing]",
        "core_count": "fast_processing_default.toml",
    }  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_ends_the_workflow_with_its_end_run_and_the_agents_stay(bed: Bed):
    bed.write("data")
    with bed.started("run", "--stf-count", "1000", "--stf-interval", "0.2") as process:
        wait_until(lambda: kinds(bed.site, bed.namespace).count("stf_gen") >= 2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "terminated" in said
    assert kinds(bed.site, bed.namespace).count("end_run") == 1
    assert bed.status()["data"]["state"] == "READY"


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_at_once_and_says_so(bed: Bed):
    bed.write()
    with bed.started("run", "--stf-count", "1000", "--stf-interval", "60") as process:
        wait_until(lambda: "stf_gen" in kinds(bed.site, bed.namespace))
        (worker,) = bed.site.runs()
        worker.suspend()  # so that the workflow does not end
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        wait_until(lambda: "is to stop" in process.stdout.readline())
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
        worker.resume()
    assert (process.returncode, "what runs goes on" in said) == (130, True)
    wait_until(lambda: "end_run" in kinds(bed.site, bed.namespace))


@pytest.mark.slow
def test_stop_workflow_ends_it_and_the_command_says_that_it_was_terminated(bed: Bed):
    bed.write()
    with bed.started("run", "--stf-count", "1000", "--stf-interval", "60") as process:
        wait_until(lambda: "stf_gen" in kinds(bed.site, bed.namespace))
        bed.site.trigger("stop_workflow", namespace=bed.namespace)
        said, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "terminated" in said) == (1, True)


@pytest.mark.slow
def test_stop_agents_stops_them_afterwards_and_the_controller_stays(bed: Bed):
    bed.write("data", "processing")
    ended = bed.run("run", "--no-realtime", "--stop-agents")
    assert (ended.returncode, "stopped: data, processing" in ended.stderr) == (0, True)
    rows = bed.status()
    assert [rows[name]["program"] for name in ("data", "processing")] == ["STOPPED"] * 2
    assert rows["agent-manager"]["state"] == "READY"


@pytest.mark.slow
def test_an_agent_that_ends_at_once_is_named_with_its_last_words(bed: Bed):
    bed.write_stubs(good="", bad="")
    text = bed.file.read_text().replace('"bad"', '"bad", "--state"')
    bed.file.write_text(text)
    ended = bed.run("run")
    assert ended.returncode == 1
    assert "bad: it ended at once" in ended.stderr
    assert "bad | IndexError: list index out of range" in ended.stderr
    assert "good: it" not in ended.stderr
    assert kinds(bed.site, bed.namespace) == []


@pytest.mark.slow
def test_an_agent_that_never_is_ready_is_waited_for_no_longer_than_asked(bed: Bed):
    bed.write_stubs(slow="--state STARTING")
    ended = bed.run("run", "--ready-seconds", "4", "--stop-agents")
    assert ended.returncode == 1
    assert f"the monitor shows slow-agent-stub-{bed.namespace} as STARTING" in ended.stderr
    assert f"slow | slow: here, for {bed.file}" in ended.stderr
    assert bed.status()["slow"]["program"] == "STOPPED"


@pytest.mark.slow
def test_a_missing_program_is_a_bad_configuration_and_nothing_is_started(bed: Bed):
    bed.write(more='[agents.x]\nprogram = "p"\n[programs.p]\ncommand = "no-such-thing"\n')
    ended = bed.run("run")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "[programs.p]: there is no program 'no-such-thing'" in ended.stderr
    assert bed.processes() == []


@pytest.mark.slow
def test_agents_that_run_are_left_alone_and_changed_ones_are_started_anew(bed: Bed):
    bed.write_stubs(one="", two="")
    assert bed.run("start").returncode == 0
    before = bed.status()
    bed.write_stubs(one="", two="--state PROCESSING")
    assert bed.run("start").returncode == 0
    after = bed.status()
    assert after["one"]["pid"] == before["one"]["pid"]
    assert after["two"]["pid"] != before["two"]["pid"]
    assert after["agent-manager"]["pid"] == before["agent-manager"]["pid"]
    bed.write_stubs(one="")
    assert bed.run("start").returncode == 0
    assert "two" not in bed.status()


@pytest.mark.slow
def test_a_second_run_of_the_user_is_refused_while_one_is_under_way(bed: Bed):
    bed.write()
    with bed.started("run", "--stf-count", "1000", "--stf-interval", "60") as process:
        wait_until(lambda: "stf_gen" in kinds(bed.site, bed.namespace))
        second = bed.run("run")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert (second.returncode, "another `testbed run`" in second.stderr) == (1, True)
    assert process.returncode == 130


@pytest.mark.slow
def test_agents_die_with_their_supervisor_and_the_next_start_brings_both_back(bed: Bed):
    bed.write_stubs(one="")
    bed.run("start")
    supervisor = next(each for each in bed.processes() if "supervisord" in each.cmdline()[-3])
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not bed.processes())
    assert bed.run("status").returncode == 3
    assert bed.run("start").returncode == 0
    assert bed.wait_ready("one", "agent-manager")


@pytest.mark.slow
def test_logs_stop_restart_and_kill_of_one_agent(bed: Bed):
    bed.write_stubs(one="", two="")
    bed.run("start")
    assert f"one: here, for {bed.file}" in bed.run("logs", "one").stdout
    before = bed.status()
    assert bed.run("restart", "one").returncode == 0
    assert bed.run("stop", "two").stdout == "stopped: two\n"
    after = bed.status()
    assert after["one"]["pid"] != before["one"]["pid"]
    assert (after["two"]["program"], after["two"]["pid"]) == ("STOPPED", None)
    killed = bed.run("kill", after["one"]["instance"], "--yes")
    assert f"process {after['one']['pid']} was killed" in killed.stdout
    assert bed.wait_ready("one")["one"]["pid"] != after["one"]["pid"]
    bed.run("stop-agents")
    assert bed.run("stop-agents").returncode == 4
