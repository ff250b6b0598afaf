"""The user's controller on a whole stack: commands by REST and by the bus, each done once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from deployments.sandbox.broker.access import AGENT_USER
from flows.common import access
from flows.common.database import transaction
from tests.broker import Broker
from tests.broker_peer import Peer
from tests.e2e.deployments.testbed.bed import STUB, USER, Bed
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.e2e


@pytest.mark.slow
def test_agents_are_started_stopped_restarted_killed_and_shown_over_rest(bed: Bed):
    bed.write_stubs(one="", two="")
    bed.start()
    both = {"one": "RUNNING", "two": "RUNNING"}
    wait_until(lambda: bed.done("status")["programs"] == both)  # they have stood some seconds
    assert bed.done("stop", "one")["programs"] == {"one": "STOPPED", "two": "RUNNING"}
    bed.done("start")
    wait_until(lambda: bed.done("status")["programs"] == both)
    before = bed.wait_ready("one", "two")
    assert bed.done("restart", "two")["started"] == ["two"]
    assert bed.wait_ready("two")["two"]["pid"] != before["two"]["pid"]
    assert f"process {before['one']['pid']} was killed" in str(
        bed.done("kill", before["one"]["instance"])
    )
    wait_until(lambda: bed.done("status")["programs"] == both)
    shown = bed.done("status")
    assert (shown["agents_running"], shown["supervisord_healthy"]) == (True, True)
    assert shown["config"] == str(bed.file)


@pytest.mark.slow
def test_the_controllers_row_says_how_the_testbed_is(bed: Bed):
    bed.write_stubs(one="")
    bed.start()
    bed.done("stop")

    def metadata() -> dict[str, object]:
        wanted = {"instance_name": f"agent-manager-{USER}"}
        [row] = bed.site.api.get("/api/systemagents/", params=wanted).json()
        return row["metadata"] if row["agent_type"] == "agent_manager" else {}

    wait_until(lambda: metadata().get("programs") == {"one": "STOPPED"})
    assert (metadata()["agents_running"], metadata()["supervisord_healthy"]) == (False, True)
    assert "of tester: stop" in wait_until(lambda: log_of(bed, f"agent-manager-{USER}"))


def log_of(bed: Bed, instance: str) -> str:
    """What the log table has of a process, once its first command is in it."""
    rows = bed.site.api.get("/api/logs/", params={"instance_name": instance, "limit": 50}).json()
    lines = "\n".join(row["message"] for row in rows["results"])
    return lines if "command" in lines else ""


@pytest.mark.slow
def test_commands_at_once_are_each_done_once(bed: Bed):
    bed.write_stubs(one="", two="")
    bed.start()
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(lambda each: bed.command(*each), [("restart", "one")] * 3 +
                            [("restart", "two")] * 3))  # fmt: skip
    assert {bed.answer(each)["state"] for each in ids} == {"done"}
    log = (bed.directory / "state" / "logs" / "one.log").read_text()
    assert log.count("one: here") == 1 + 3


@pytest.mark.slow
def test_a_command_fails_where_the_controller_is_killed_in_the_middle_and_the_next_is_done(
    bed: Bed,
):
    bed.given["PRODOPS_TESTBED_STOP_SECONDS"] = "20"
    bed.write_stubs(one="--stubborn", two="")
    controller = bed.start()["agent-manager"]["pid"]
    stop = bed.command("stop", "one")
    wait_until(lambda: bed.site.api.get(f"/api/testbed/commands/{stop}/").json()["taken_by"])
    os.kill(controller, signal.SIGKILL)
    answer = bed.answer(stop)
    assert (answer["state"], "did not answer" in answer["error"]) == ("failed", True)
    assert bed.done("stop", "two")["stopped"] == ["two"]


@pytest.mark.slow
def test_without_a_controller_the_answer_says_so_at_once(bed: Bed):
    bed.write_stubs(one="")
    bed.start()
    bed.run("stop", "--all")
    refusal = bed.site.api.post("/api/testbed/commands/", json={"verb": "start"})
    assert (refusal.status_code, "start one by" in refusal.text) == (409, True)


@pytest.mark.slow
def test_a_second_controller_of_the_user_is_refused(bed: Bed):
    bed.write_stubs(one="")
    bed.start()
    second = bed.run("controller")
    assert (second.returncode, "another controller works" in second.stderr) == (2, True)


@pytest.mark.slow
def test_a_token_of_somebody_else_is_refused_with_the_way_out(bed: Bed):
    with transaction(bed.site.engine) as session:
        bed.given["SWF_API_TOKEN"] = access.create_token(session, "bert")
    ended = bed.run("controller")
    assert (ended.returncode, "PRODOPS_TESTBED_USER says whose" in ended.stdout) == (2, True)


# ------------------------------------------------------------------ what is not killed


@pytest.mark.slow
def test_a_process_that_only_has_the_pid_of_an_agent_is_not_killed(bed: Bed):
    bed.write_stubs(one="")
    bed.start()
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        for instance, host, why in [
            ("data-agent-x-1", None, "is no agent of"),
            ("data-agent-x-2", "elsewhere", "runs on elsewhere"),
        ]:
            said = {"instance_name": instance, "pid": sleeper.pid}
            here = host or psutil.os.uname().nodename
            answer = bed.site.api.post(
                "/api/systemagents/heartbeat/", json={**said, "hostname": here}
            )
            assert answer.is_success
            failed = bed.answer(bed.command("kill", instance))
            assert (failed["state"], why in failed["error"]) == ("failed", True), failed
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.slow
def test_a_process_that_is_younger_than_the_agents_last_word_is_not_killed(bed: Bed):
    bed.write_stubs(one="")
    bed.start()
    said = {"instance_name": "late-agent-x-1", "hostname": psutil.os.uname().nodename}
    environment = {**bed.environment, "SWF_TESTBED_CONFIG": "x", "STUB": "y"}
    process = subprocess.Popen([sys.executable, STUB, "late"], env=environment)
    try:
        bed.site.api.post("/api/systemagents/heartbeat/", json={**said, "pid": process.pid})
        [row] = bed.site.api.get("/api/systemagents/?instance_name=late-agent-x-1").json()
        earlier = {"last_heartbeat": "2026-01-01T00:00:00Z"}
        changed = bed.site.api.patch(f"/api/systemagents/{row['id']}/", json=earlier)
        assert changed.is_success, changed.text
        failed = bed.answer(bed.command("kill", "late-agent-x-1"))
        assert "it is another one" in str(failed["error"])
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_an_agent_that_nobody_supervises_is_killed_and_shown_as_exited(bed: Bed):
    environment = {**bed.environment, "SWF_TESTBED_CONFIG": "x", "STUB": bed.namespace}
    instance = f"lone-agent-stub-{bed.namespace}"
    script = bed.directory / "lone_agent.py"
    script.write_text(STUB.read_text())
    process = subprocess.Popen([sys.executable, script, "lone"], env=environment)
    row = {"instance_name": instance}
    wait_until(lambda: bed.site.api.get("/api/systemagents/", params=row).json())
    assert "was killed" in bed.run("kill", instance, "--yes").stdout
    assert process.wait(PATIENCE) == -signal.SIGKILL
    [shown] = bed.site.api.get("/api/systemagents/", params=row).json()
    assert (shown["status"], shown["operational_state"]) == ("EXITED", "EXITED")


# ------------------------------------------------------------------ the bus


@pytest.mark.slow
def test_the_originals_commands_come_by_the_bus_with_their_replies(
    bed: Bed, broker: Broker, queue: str
):
    bed.given |= {
        "PRODOPS_BUS_HOST": broker.host,
        "PRODOPS_BUS_PORT": str(broker.port),
        "PRODOPS_BUS_LOGIN_FILE": str(broker.login_file(AGENT_USER)),
    }
    bed.write_stubs(one="")
    pid = bed.start()["agent-manager"]["pid"]
    with Peer(broker) as peer:
        peer.subscribe(queue)

        def ask(command: str, **more: str) -> dict[str, object]:
            body = {"command": command, "source": "test", "reply_to": queue, **more}
            peer.publish(f"/queue/agent_control.{USER}", body)
            return peer.receive().message

        assert (ask("ping")["status"], ask("ping")["username"]) == ("alive", USER)
        assert ask("stop_testbed")["agents_running"] is False
        started = ask("start_testbed", config_name="testbed")
        assert (started["agents_running"], started["supervisord_status"]) == (True, "running")
        assert "no testbed configuration 'none'" in str(
            ask("start_testbed", config_name="none")["error"]
        )
        assert ask("restart")["status"] == "restarting"
        assert ask("status")["programs"] == {"one": "RUNNING"}
    assert bed.status()["agent-manager"]["pid"] == pid  # the same process begins anew
