"""Workflows on a real database: what is sent, recorded and announced, whatever ends them."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from blocks.errors import Forbidden, Refused
from flows.common import cancellations
from flows.common.callers import Caller, Means, Scope
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import RequestState
from flows.workflows import tasks
from flows.workflows.actions import RUN_WORKFLOW, STOP_WORKFLOW
from flows.workflows.schemas import RunWorkflow
from tests.support.workflows import AT_ONCE, QUICK, SHIFTER, Workflows
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

WHOLE = ["run_imminent", "start_run", *["stf_gen"] * 10, "end_run"]


class Killed(BaseException):
    """The run's process ends here."""


def kill_after(monkeypatch: pytest.MonkeyPatch, sends: int, *, at_once: int = 3) -> None:
    """Let the next run end after so many transactions; a later one goes through."""
    monkeypatch.setattr(tasks, "_MOST_AT_ONCE", at_once)
    left = [sends]
    send = tasks.Player._send

    def count(self: tasks.Player) -> None:
        if left[0] == 0:
            left[0] = -1
            raise Killed
        left[0] -= bool(self._pending)
        send(self)

    monkeypatch.setattr(tasks.Player, "_send", count)


# ------------------------------------------------------------------ a whole run


def test_a_run_is_sent_whole_and_its_result_counts_it(workflows: Workflows):
    result = workflows.run(**AT_ONCE)
    assert workflows.kinds() == WHOLE
    assert result == {
        "execution_id": "stf_datataking-shifter-0001",
        "run_number": 100010,
        "namespace": "torre1",
        "status": "completed",
        "stf_files": 10,
        "messages": 13,
    }
    (stf, *_) = [each for each in workflows.messages() if each["msg_type"] == "stf_gen"]
    assert (stf["filename"], stf["run_id"]) == ("swf.100010.000001.stf", "100010")
    assert stf["namespace"] == "torre1"


def test_an_execution_is_recorded_with_where_each_value_came_from(workflows: Workflows):
    section = {"section": "fast_processing", "key": "num_tf_per_slice", "value": 5}
    workflows.run(**AT_ONCE, stf_count=2, seed=7, overrides=[{**section, "source": "my.toml"}])
    (row,) = workflows.rows("swf_workflow_executions")
    assert (row["status"], row["executed_by"], row["namespace"]) == (
        "completed", "shifter", "torre1"
    )  # fmt: skip
    assert row["end_time"] >= row["start_time"]
    values = row["parameter_values"]
    assert values["fast_processing"]["num_tf_per_slice"] == 5
    assert values["fast_processing"]["stf_count"] == 2
    assert values["workflow"]["seed"] == 7
    assert values["sources"]["fast_processing"] == {
        **dict.fromkeys(values["fast_processing"], "fast_processing_default.toml"),
        "num_tf_per_slice": "my.toml",
        "stf_count": "request",
    }
    (definition,) = workflows.rows("swf_workflow_definitions")
    assert (definition["workflow_name"], definition["version"]) == ("stf_datataking", "1.0")
    assert row["workflow_definition_id"] == definition["id"]


def test_the_run_and_its_state_are_ended_with_it(workflows: Workflows):
    workflows.run(**AT_ONCE)
    (run,) = workflows.rows("swf_runs")
    assert run["run_number"] == 100010
    assert run["end_time"] is not None
    (state,) = workflows.rows("swf_run_state")
    assert (state["phase"], state["state"], state["substate"]) == ("completed", "ended", None)
    assert state["target_worker_count"] == 30
    assert state["metadata"]["execution_id"] == "stf_datataking-shifter-0001"


def test_two_executions_have_numbers_of_their_own_and_one_definition(workflows: Workflows):
    first, second = workflows.run(**AT_ONCE), workflows.run(**AT_ONCE)
    assert (second["run_number"], second["execution_id"]) == (
        first["run_number"] + 1, "stf_datataking-shifter-0002"
    )  # fmt: skip
    assert len(workflows.rows("swf_workflow_definitions")) == 1


def test_a_run_in_its_own_time_takes_that_time(workflows: Workflows):
    result = workflows.run(namespace="torre1", stf_count=3, stf_interval=0.3, overrides=QUICK)
    assert result["stf_files"] == 3
    sent = [each for each in workflows.messages() if each["msg_type"] == "stf_gen"]
    ticks = [each["simulation_tick"] for each in sent]
    assert ticks == pytest.approx([0.2, 0.6, 1.0])
    times = [datetime.fromisoformat(each["timestamp"]) for each in sent]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert all(gap > 0.3 for gap in gaps)


def test_a_duration_ends_an_endless_run(workflows: Workflows):
    result = workflows.run(**AT_ONCE, physics_period_count=0, duration_seconds=120)
    assert result["status"] == "completed"
    assert workflows.kinds()[-1] == "end_run"
    assert workflows.messages()[-1]["total_stf_files"] == result["stf_files"]
    assert workflows.messages()[-1]["simulation_tick"] == 120


# ------------------------------------------------------------------ killed


@pytest.mark.parametrize("sends", [0, 1, 2, 4])
def test_a_killed_run_is_taken_up_and_nothing_is_lost_or_doubled(
    workflows: Workflows, monkeypatch, sends
):
    kill_after(monkeypatch, sends)
    workflows.ask(**AT_ONCE)
    claim = workflows.claim()
    with pytest.raises(Killed):
        workflows.work(claim)
    assert workflows.kinds() == WHOLE[: 3 * sends]
    workflows.end(claim, None)
    result = workflows.work(workflows.claim())
    assert workflows.kinds() == WHOLE
    sequences = [each["sequence"] for each in workflows.messages() if "sequence" in each]
    assert sequences == list(range(1, 11))
    assert result["messages"] == len(WHOLE)
    assert len(workflows.rows("swf_workflow_executions")) == 1


def test_a_commit_whose_answer_was_lost_is_not_done_again(workflows: Workflows, monkeypatch):
    write, lost = tasks.Run.write, []

    def lose_answer(self, work, **more):
        def once(session, announce):
            return work(session, announce)

        value = write(self, once, **more)
        if len(workflows.kinds()) > 1 and not lost:
            lost.append(True)
            return write(self, once, **more)  # as the retries through an outage do
        return value

    monkeypatch.setattr(tasks.Run, "write", lose_answer)
    monkeypatch.setattr(tasks, "_MOST_AT_ONCE", 3)
    workflows.run(**AT_ONCE)
    assert lost
    assert workflows.kinds() == WHOLE


@pytest.mark.parametrize(
    ("state", "status"),
    [(RequestState.CANCELLED, "terminated"), (RequestState.FAILED, "failed")],
)
def test_a_run_that_its_flow_cannot_end_is_ended_for_it_with_its_end_run(
    workflows: Workflows, monkeypatch, state, status
):
    kill_after(monkeypatch, 2)
    workflows.ask(**AT_ONCE)
    claim = workflows.claim()
    with pytest.raises(Killed):
        workflows.work(claim)
    workflows.end(claim, state)
    assert workflows.kinds() == [*WHOLE[:6], "end_run"]
    assert workflows.messages()[-1]["total_stf_files"] == 4
    (row,) = workflows.rows("swf_workflow_executions")
    assert (row["status"], row["end_time"] is not None) == (status, True)
    (run,) = workflows.rows("swf_runs")
    assert run["end_time"] is not None
    assert workflows.rows("swf_run_state")[0]["state"] == "ended"


def test_a_request_that_never_began_ends_without_a_message(workflows: Workflows):
    request_id = workflows.ask(**AT_ONCE)
    claim = workflows.claim()
    workflows.end(claim, RequestState.CANCELLED)
    assert workflows.kinds() == []
    assert workflows.request(request_id).state == "cancelled"


def test_a_run_after_its_end_run_is_not_ended_twice(workflows: Workflows, monkeypatch):
    kill_after(monkeypatch, 1, at_once=100)
    workflows.ask(**AT_ONCE)
    claim = workflows.claim()
    monkeypatch.setattr(tasks.Player, "finish", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        workflows.work(claim)
    workflows.end(claim, RequestState.CANCELLED)
    assert workflows.kinds() == WHOLE


def test_an_outage_in_the_middle_is_waited_out(workflows: Workflows, monkeypatch):
    note, failures = tasks._note, [DatabaseUnavailable("away")] * 2

    def fail_first(*arguments):
        note(*arguments)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(tasks, "_note", fail_first)
    workflows.run(**AT_ONCE)
    assert workflows.kinds() == WHOLE


# ------------------------------------------------------------------ stopped


def running(workflows: Workflows, pool: ThreadPoolExecutor):
    """A run of its own time, which has sent its first messages and waits for an hour."""
    asked = {"namespace": "torre1", "stf_interval": 3600, "overrides": QUICK}
    workflows.ask(**asked)
    working = pool.submit(workflows.work, workflows.claim())
    wait_until(lambda: workflows.kinds() == WHOLE[:3])
    return working


@pytest.mark.parametrize(
    "named", [{"namespace": "torre1"}, {"execution_id": "stf_datataking-shifter-0001"}]
)
def test_a_run_that_is_stopped_sends_its_end_run_at_once(workflows: Workflows, named):
    with ThreadPoolExecutor(1) as pool:
        working = running(workflows, pool)
        stopped = workflows.stop(**named)
        result = working.result(20)
    assert stopped == {"executions": ["stf_datataking-shifter-0001"], "requests": []}
    assert (result["status"], result["stf_files"]) == ("terminated", 1)
    assert workflows.kinds() == [*WHOLE[:3], "end_run"]
    (row,) = workflows.rows("swf_workflow_executions")
    assert (row["status"], row["end_time"] is not None) == ("terminated", True)
    assert workflows.rows("swf_runs")[0]["end_time"] is not None


def test_what_has_not_begun_is_cancelled_instead(workflows: Workflows):
    request_id = workflows.ask(**AT_ONCE)
    with transaction(workflows.engine) as session:
        session.get_one(type(workflows.request(request_id)), request_id).not_before = tasks.now()
    assert workflows.request(request_id).state == "queued"
    with transaction(workflows.engine) as session:
        found = tasks.repository.open_requests(session, namespace="torre1")
        assert [tasks.repository.request_stop(session, each, "me") for each in found] == [None]
        cancellations.ask(session, request_id, caller=SHIFTER, reason="stop_workflow")
        ended = cancellations.end_queued(session)
        assert [each.id for each in ended] == [request_id]


def gate(workflows: Workflows, action, form, caller: Caller = SHIFTER) -> None:
    with transaction(workflows.engine) as session:
        action.gate(session, action.parse(form), caller)


@pytest.mark.parametrize("named", [{"namespace": "torre1"}, {"execution_id": "x"}])
def test_nothing_that_runs_cannot_be_stopped(workflows: Workflows, named):
    with pytest.raises(Refused, match="no workflow runs"):
        gate(workflows, STOP_WORKFLOW, named)


def test_another_s_workflow_is_stopped_by_operators_alone(workflows: Workflows):
    workflows.ask(**AT_ONCE)
    scopes = frozenset({Scope.READ, Scope.REQUEST})
    with pytest.raises(Forbidden, match="Stopping the workflow of request"):
        gate(workflows, STOP_WORKFLOW, {"namespace": "torre1"}, Caller("x", Means.TOKEN, scopes))
    gate(workflows, STOP_WORKFLOW, {"namespace": "torre1"}, Caller("shifter", Means.TOKEN, scopes))


def test_a_namespace_runs_one_workflow_at_a_time(workflows: Workflows):
    request_id = workflows.ask(**AT_ONCE)
    with pytest.raises(Refused, match=f"runs a workflow already \\(request {request_id}\\)"):
        gate(workflows, RUN_WORKFLOW, {**AT_ONCE, "stf_count": 3})
    gate(workflows, RUN_WORKFLOW, {**AT_ONCE, "namespace": "torre2"})
    assert workflows.ask(**AT_ONCE) == request_id


def test_the_web_role_may_look_at_what_runs(workflows: Workflows, web):
    workflows.ask(**AT_ONCE)
    with transaction(web) as session:
        STOP_WORKFLOW.gate(session, STOP_WORKFLOW.parse({"namespace": "torre1"}), SHIFTER)
        with pytest.raises(Refused):
            RUN_WORKFLOW.gate(session, RunWorkflow(namespace="torre1"), SHIFTER)
