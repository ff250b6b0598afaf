"""`prodops fastmon` and `prodops daq`, as processes, against a monitor made for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from deployments.cli.fastmon import run_player
from deployments.cli.fastmon.daq import daq_app
from deployments.cli.fastmon.watch import fastmon_app
from flows.workflows.domain import simulation
from tests.cases import same
from tests.fake_monitor import FakeMonitor, Stream, api_of, fake_monitor, frame, tf_frame
from tests.waiting import PATIENCE, wait_until

CONNECTED = frame("connected", {"client_id": "c", "status": "connected"})
HEARTBEAT = frame("heartbeat", {"timestamp": 1.0})
RUN = {"msg_type": "start_run", "run_id": "100010"}


def started(app: str, *arguments: str, **parts: object) -> subprocess.Popen[str]:
    module, name = app.split(":")
    return subprocess.Popen(
        [sys.executable, "-c", f"from {module} import {name}; {name}()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"SWF_API_TOKEN": "key"},
        **parts,
    )


def watcher(monitor: FakeMonitor, *arguments: str) -> subprocess.Popen[str]:
    app = "deployments.cli.fastmon.watch:fastmon_app"
    return started(app, "watch", "--url", monitor.url, *arguments)


@pytest.mark.parametrize("number", same(signal.SIGINT, signal.SIGTERM))
def test_a_signal_ends_a_blocked_watch_at_once_with_the_summary(number):
    stream = Stream([CONNECTED, tf_frame(1)], is_held=True)
    with fake_monitor(stream) as monitor, watcher(monitor) as client:
        assert client.stdout
        assert any("swf.1_tf_001.tf" in line for line in client.stdout)
        asked = time.monotonic()
        client.send_signal(number)
        rest, errors = client.communicate(timeout=PATIENCE)
        seconds = time.monotonic() - asked
    assert (client.returncode, errors) == (0, "")
    assert "TF Files Received: 1\n" in rest
    assert "Run 100010: 1 TF files, 0.00 MB" in rest
    assert seconds < 10


def test_ctrl_c_ends_a_watch_that_waits_for_the_monitor():
    with fake_monitor(*[Stream(status=503)] * 9) as monitor, watcher(monitor) as client:
        assert client.stderr
        assert "stream lost (the monitor cannot answer (HTTP 503)" in client.stderr.readline()
        client.send_signal(signal.SIGINT)
        rest, _ = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
    assert "TF Files Received: 0\n" in rest


def test_json_is_an_object_a_line_and_the_summary_goes_to_stderr():
    stream = Stream([CONNECTED, HEARTBEAT, tf_frame(1), tf_frame(2)], is_held=True)
    with fake_monitor(stream) as monitor, watcher(monitor, "--json") as client:
        assert client.stdout
        lines = [json.loads(client.stdout.readline()) for _ in range(2)]
        client.send_signal(signal.SIGINT)
        rest, errors = client.communicate(timeout=PATIENCE)
    assert [(line["id"], line["event"]) for line in lines] == [
        (1, "tf_file_registered"),
        (2, "tf_file_registered"),
    ]
    assert rest == ""
    assert "TF Files Received: 2" in errors


def test_a_reader_that_has_seen_enough_ends_the_watch_in_peace():
    stream = Stream([tf_frame(number) for number in range(1, 5_000)], is_held=True)
    with fake_monitor(stream) as monitor, watcher(monitor, "--json") as client:
        assert client.stdout
        assert client.stderr
        client.stdout.readline()
        client.stdout.close()
        errors = client.stderr.read()
        assert client.wait(10) == 0
    assert "Traceback" not in errors
    assert "TF Files Received" in errors


@pytest.mark.parametrize("command", same("watch", "start"))
def test_a_refused_token_is_one_line_and_exit_3(command):
    with fake_monitor(Stream(status=401)) as monitor:
        arguments = [command, "--monitor-url", monitor.url, "--api-token", "wrong", "--json"]
        result = CliRunner().invoke(fastmon_app, arguments)
    assert result.exit_code == 3
    assert "Auth failed: the monitor refused (HTTP 401): Invalid token." in result.stderr


def test_status_tells_how_many_clients_the_monitor_has():
    answers = {"/api/messages/stream/status/": (200, {"connected_clients": 3})}
    with fake_monitor(answers=answers) as monitor:
        result = CliRunner().invoke(fastmon_app, ["status", "-m", monitor.url])
    assert "Server: 3 connected clients" in result.stdout
    assert monitor.asked[0].headers["accept"] == "application/json"


def test_a_played_run_arrives_whole_with_its_state_changes_in_place():
    plan = simulation.RunPlan(run_number=7, stfs=30, physics_periods=3)
    with fake_monitor() as monitor, api_of(monitor) as api:
        report = run_player.play(api, plan, is_realtime=False)
    wanted = [message for _, message in simulation.simulate_run(plan)]
    assert (report.stfs, report.messages) == (30, len(wanted))
    changes = [place for place, m in enumerate(wanted) if m["msg_type"] in simulation.LIFECYCLE]
    assert [monitor.messages[place]["msg_type"] for place in changes] == [
        wanted[place]["msg_type"] for place in changes
    ]


def test_one_slow_answer_does_not_hold_up_a_run():
    others_came = threading.Event()

    def answer_the_first_stf_last(message):
        if message.get("sequence") == 20:
            others_came.set()
        if (message["msg_type"], message.get("sequence")) == ("stf_gen", 1):
            assert others_came.wait(10)

    plan = simulation.RunPlan(run_number=7, stfs=20, rate_hz=100, beam_seconds=0)
    with fake_monitor(before_answer=answer_the_first_stf_last) as monitor, api_of(monitor) as api:
        report = run_player.play(api, plan)
    assert len(monitor.messages) == report.messages == 43
    assert report.answer_max_s < 5


def test_a_run_goes_on_over_a_monitor_that_cannot_answer_for_a_moment():
    plan = simulation.RunPlan(run_number=7, stfs=10)
    with fake_monitor(failing_posts=[503] * 5) as monitor, api_of(monitor) as api:
        run_player.play(api, plan, is_realtime=False)
    assert len(monitor.messages) == 23


def simulate(monitor: FakeMonitor, *arguments: str):
    fixed = ["simulate", "--stfs", "4", "--no-realtime", "--url", monitor.url, "--token", "key"]
    return CliRunner().invoke(daq_app, [*fixed, *arguments])


def test_simulate_plays_the_next_run_and_sums_it_up():
    runs = (200, [{"run_number": 100041}])
    with fake_monitor(answers={"/api/runs/": runs}) as monitor:
        result = simulate(monitor, "--no-size", "--namespace", "ns", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["run_number"], summary["stfs"], summary["messages"]) == (100042, 4, 11)
    assert {m["namespace"] for m in monitor.messages} == {"ns"}
    assert "run 100042: end_run" in result.stderr


@pytest.mark.parametrize(("status", "code"), same((403, 3), (400, 1)))
def test_simulate_ends_with_one_line_where_the_monitor_refuses(status, code):
    answers = {"POST": (status, {"detail": "No."})}
    with fake_monitor(answers=answers) as monitor:
        result = simulate(monitor, "--run", "7")
        assert len(monitor.messages) == 1
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert f"(HTTP {status}): No." in result.stderr


def test_ctrl_c_ends_a_simulated_run_with_its_end_run():
    with fake_monitor() as monitor:
        arguments = ["simulate", "--run", "7", "--rate", "50", "--stfs", "5000"]
        client = started("deployments.cli.fastmon.daq:daq_app", *arguments, "--url", monitor.url)
        with client:
            wait_until(lambda: len(monitor.messages) > 10)
            client.send_signal(signal.SIGINT)
            shown, _ = client.communicate(timeout=PATIENCE)
    sent = sum(message["msg_type"] == "stf_gen" for message in monitor.messages)
    (end,) = [message for message in monitor.messages if message["msg_type"] == "end_run"]
    assert (client.returncode, end["total_stf_files"]) == (130, sent)
    assert f"broken off: {sent} STFs" in shown
