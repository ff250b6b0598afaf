"""An assistant, and what its tools show: a testbed and a production with one of everything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from flows.common.database import transaction
from flows.payload_logs.models import LogState, PayloadLog
from tests.pcs_client import CONFIG, DATA, Pcs
from tests.produced import NAME, campaign_of_each_kind
from tests.support.mcp import Assistant

STF = "swf.100123.000001.stf"
TF = "swf.100123.000001_0_9.tf"
EXECUTION = "stf_datataking-olga-0001"


@pytest.fixture
def assistant(served_api) -> Assistant:
    return Assistant(served_api.url, served_api.token)


@pytest.fixture
def testbed(api) -> dict[str, Any]:
    """Rows as agents and runners write them, over REST."""
    at = datetime.now(UTC).isoformat()

    def add(path: str, **body: Any) -> dict[str, Any]:
        answer: httpx.Response = api.post(f"/api/{path}/", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    add("namespaces/ensure", name="torre1", owner="tester")
    agent = {"instance_name": "data-agent-olga-1", "agent_type": "data", "status": "OK"}
    add("systemagents/heartbeat", **agent, namespace="torre1", pid=4711, hostname="daq01")
    controller = {"instance_name": "agent-manager-tester", "agent_type": "agent_manager"}
    programs = {"data": "RUNNING", "processing": "STOPPED"}
    said = {"agents_running": True, "supervisord_healthy": True, "programs": programs}
    add("systemagents/heartbeat", **controller, status="OK", metadata=said)
    run = add("runs", run_number=100123, start_time=at)
    stf = add("stf-files", run=run["run_id"], stf_filename=STF, file_size_bytes=2048)
    tf = add("fastmon-files", stf_file=STF, tf_filename=TF, tf_first=0, tf_last=9)
    part = {"slice_id": 1, "tf_first": 0, "tf_last": 4, "tf_count": 5}
    add("tf-slices", fastmon_file=TF, run_number=100123, stf_filename=STF, **part)
    definition = add(
        "workflow-definitions", workflow_name="stf_datataking", version="1.0",
        workflow_type="simulation", definition="…", created_by="olga",
    )  # fmt: skip
    execution = add(
        "workflow-executions", execution_id=EXECUTION, workflow_definition=definition["id"],
        namespace="torre1", status="running", start_time=at, executed_by="tester",
        parameter_values={"daq": {"stf_count": 1}},
    )  # fmt: skip
    message = {"namespace": "torre1", "execution_id": EXECUTION, "sender": "data-agent-olga-1"}
    add("messages", msg_type="run_imminent", run_id="100123", **message)
    add("messages", msg_type="error", error="the disk is full", **message)
    log = add(
        "logs", app_name="data_agent", instance_name="data-agent-olga-1", timestamp=at, level=40,
        levelname="ERROR", message="cannot write 100 %_done", module="agent", funcname="run",
        lineno=7, process=4711, thread=1, extra_data={"execution_id": EXECUTION},
    )  # fmt: skip
    return {"run": run, "stf": stf, "tf": tf, "log": log, "execution": execution}


@pytest.fixture
def production(api, database) -> Pcs:
    """A task that is ready, a swept campaign, and a job that has no log."""
    pcs = Pcs(api)
    pcs.add("campaigns", name=NAME)
    pcs.make_ready("t1", sample="", config=CONFIG | {"data": DATA})
    pcs.make_dataset(sample_name="other")
    pcs.add("prod-configs", name="bnl", **CONFIG)
    with transaction(database.ops_engine) as session:
        session.add(PayloadLog(pandaid=7, state=LogState.NO_LOG, last_error="none"))
    campaign_of_each_kind(database.ops_engine)
    return pcs
