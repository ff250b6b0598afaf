"""Our agents as processes against the real API: whole runs, kills, outages, ends."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.common.settings import settings
from tests.conftest import ServedApi
from tests.databases import Database
from tests.sampled_run import sample
from tests.support.agent_processes import KINDS, NAMESPACE, Crew
from tests.support.workflows import AT_ONCE, Workflows
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = pytest.mark.integration

STFS, TFS_PER_STF = 5, 7


@pytest.fixture
def crew(served_api: ServedApi, api: httpx.Client, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(served_api.url, served_api.token, tmp_path, api)
    yield made
    made.close()


@pytest.fixture
def workflows(database: Database) -> Workflows:
    return Workflows(database.ops_engine)


def play(workflows: Workflows, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """Play a run of some STFs, as the ops side does it."""
    with monkeypatch.context() as ops:
        ops.setenv("PRODOPS_DATABASE_URL", str(database.ops_url))
        ops.setenv("PRODOPS_DATABASE_PASSFILE", str(database.ops_passfile))
        settings.cache_clear()
        workflows.run(**AT_ONCE, stf_count=STFS)
    settings.cache_clear()


def stf_gen(number: int, **more: Any) -> dict[str, Any]:
    name = {"filename": f"swf.100012.{number:06d}.stf", "sequence": number}
    return {"msg_type": "stf_gen", "namespace": NAMESPACE, "run_id": "100012", **name, **more}


def run_message(msg_type: str, **more: Any) -> dict[str, Any]:
    return {"msg_type": msg_type, "namespace": NAMESPACE, "run_id": "100012", **more}


# ------------------------------------------------------------------ the whole


@pytest.mark.slow
def test_a_workflow_three_agents_and_sampling_give_exact_counts(
    crew: Crew, workflows, monkeypatch, database
):
    crew.start(*KINDS)
    play(workflows, monkeypatch, database)
    crew.wait_for(stf_ready=STFS, processing_complete=STFS)
    assert sample(database.ops_engine, namespace=NAMESPACE).tfs == STFS * TFS_PER_STF
    slices = sum(-(-tf["tf_count"] // 2) for tf in crew.rows("fastmon-files"))
    crew.wait_for(slice=slices)
    assert crew.counts() | {"fastmon_status": 0} == {
        "run_imminent": 1, "start_run": 1, "stf_gen": STFS, "end_run": 1, "stf_ready": STFS,
        "processing_complete": STFS, "tf_file_registered": STFS * TFS_PER_STF, "slice": slices,
        "fastmon_status": 0,
    }  # fmt: skip
    assert len(crew.rows("tf-slices")) == slices
    assert {row["status"] for row in crew.rows("stf-files")} == {"processed"}
    (run,) = crew.rows("runs")
    assert run["end_time"] is not None
    (state,) = crew.rows("run-states")
    assert (state["phase"], state["target_worker_count"]) == ("completed", 30)
    assert [crew.end(kind) for kind in KINDS] == [0, 0, 0]
    assert {each["operational_state"] for each in crew.agents()} == {"EXITED"}


@pytest.mark.slow
def test_a_slice_and_an_stf_carry_what_workers_and_samplers_need(
    crew: Crew, workflows, monkeypatch, database
):
    crew.start("data", "fast-processing")
    play(workflows, monkeypatch, database)
    crew.wait_for(stf_ready=STFS)
    (ready, *_) = crew.messages("stf_ready")
    execution_id = "stf_datataking-shifter-0001"
    assert (ready["size_bytes"], ready["tf_count"]) == (2 * 1024**3, 1000)
    assert (ready["execution_id"], ready["checksum"][:3]) == (execution_id, "ad:")
    assert ready["processed_by"] == ready["sender"]
    sample(database.ops_engine, namespace=NAMESPACE)
    crew.wait_for(slice=1)
    (first, *_) = crew.messages("slice")
    assert first["content"]["execution_id"] == execution_id
    assert (first["namespace"], first["content"]["run_id"]) == (NAMESPACE, first["run_id"])
    assert first["content"]["tf_count"] <= 2


# ------------------------------------------------------------------ killed and away


def test_an_agent_that_is_killed_loses_and_doubles_nothing(crew: Crew):
    """Killed again and again while it works; what it had dealt with stays as it was."""
    crew.start("data")
    numbers = itertools.count(1)
    crew.send(run_message("run_imminent"))
    for _ in range(3):
        crew.send(*(stf_gen(next(numbers)) for _ in range(10)))
        wait_until(lambda: crew.counts()["stf_ready"] >= 1)
        crew.kill("data")
        crew.send(*(stf_gen(next(numbers)) for _ in range(5)))
        crew.start("data")
    crew.send(run_message("end_run"))
    wait_until(lambda: crew.rows("runs")[0]["end_time"] is not None)
    names = [each["filename"] for each in crew.messages("stf_ready")]
    assert names == [f"swf.100012.{number:06d}.stf" for number in range(1, 46)]
    assert len(crew.rows("stf-files")) == 45
    assert len(crew.agents()) == 1


@pytest.mark.slow
def test_slicing_that_is_killed_in_the_middle_is_finished_once(
    crew: Crew, workflows, monkeypatch, database
):
    crew.start("data", "fast-processing")
    play(workflows, monkeypatch, database)
    crew.wait_for(stf_ready=STFS)
    sample(database.ops_engine, namespace=NAMESPACE)
    crew.wait_for(slice=10)
    crew.kill("fast-processing")
    crew.start("fast-processing")
    slices = sum(-(-tf["tf_count"] // 2) for tf in crew.rows("fastmon-files"))
    crew.wait_for(slice=slices)
    names = [each["content"]["tf_filename"] for each in crew.messages("slice")]
    assert len(names) == len(set(names)) == len(crew.rows("tf-slices")) == slices


@pytest.mark.slow
def test_a_message_that_comes_again_changes_nothing(crew: Crew):
    crew.start("data", "processing")
    twice = [run_message("run_imminent"), stf_gen(1), stf_gen(1), run_message("run_imminent")]
    crew.send(*twice, run_message("end_run"), stf_gen(2))
    crew.wait_for(processing_complete=2)
    (before,) = crew.rows("runs")
    crew.send(run_message("end_run"), stf_gen(2), stf_gen(3))
    crew.wait_for(processing_complete=3)
    assert (crew.counts()["stf_ready"], crew.counts()["processing_complete"]) == (3, 3)
    assert crew.rows("runs") == [before]


@pytest.mark.slow
def test_agents_wait_for_a_monitor_that_is_away_and_go_on(crew: Crew, served_api: ServedApi):
    served_api.stop()
    crew.start("data", is_awaited=False)
    wait_until(lambda: "waiting for the monitor to give this agent its number" in crew.log("data"))
    served_api.start()
    wait_until(lambda: crew.is_ready("data"))
    crew.send(run_message("run_imminent"), stf_gen(1))
    crew.wait_for(stf_ready=1)
    served_api.stop()
    wait_until(lambda: "stream lost" in crew.log("data"))
    served_api.start()
    crew.send(stf_gen(2))
    crew.wait_for(stf_ready=2)
    assert crew.log("data").count("stream lost") == 1


@pytest.mark.slow
def test_another_namespace_s_messages_are_left(crew: Crew):
    crew.start("data")
    crew.send({**stf_gen(1), "namespace": "torre2"}, {**stf_gen(2), "namespace": None}, stf_gen(3))
    crew.wait_for(stf_ready=2)
    assert [each["sequence"] for each in crew.messages("stf_ready")] == [2, 3]
    assert stays(lambda: crew.counts()["stf_ready"] == 2, 0.3)


# ------------------------------------------------------------------ ends


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGQUIT)),
    ],
)
def test_each_signal_ends_an_agent_cleanly_and_it_says_so_last(crew: Crew, number):
    crew.start("processing")
    assert crew.end("processing", number) == 0
    (agent,) = crew.agents()
    assert (agent["status"], agent["operational_state"]) == ("EXITED", "EXITED")
    assert f"{number.name}: the agent stops" in crew.log("processing")
    logged = [each["message"] for each in crew.rows("logs")]
    assert logged[-1].endswith("has ended")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SWF_API_TOKEN": "0" * 40}, "the monitor refuses the token"),
        pytest.param({"SWF_API_TOKEN": ""}, "SWF_API_TOKEN is not set", marks=pytest.mark.slow),
        pytest.param(
            {"SWF_MONITOR_URL": "ftp://x"}, "is no http:// or https:// URL", marks=pytest.mark.slow
        ),
    ],
)
def test_a_wrong_configuration_ends_an_agent_with_2(served_api, tmp_path, changes, said):
    environment = {"SWF_MONITOR_URL": served_api.url, "SWF_API_TOKEN": served_api.token}
    ended = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "agent", "data", "--memory", tmp_path / "m.json"],
        env={"PATH": "/usr/bin", "HOME": str(tmp_path), **environment, **changes},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 2, ended
    assert said in ended.stdout + ended.stderr
