"""Submission by an assistant: a request through the same gates as REST, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.pcs_client import Pcs
from tests.support.mcp import Assistant
from tests.support.task_pages import OpsSide
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


@pytest.fixture
def stranger(served_api, database) -> Assistant:
    return Assistant(served_api.url, database.create_token("stranger", Scope.REQUEST))


@pytest.fixture
def rows(database) -> Callable[..., list[Request]]:
    def found(**values: Any) -> list[Request]:
        with transaction(database.ops_engine) as session:
            return list(session.scalars(select(Request).filter_by(**values)))

    return found


@pytest.fixture
def ready(pcs: Pcs) -> Pcs:
    pcs.make_ready("t1", sample="")
    return pcs


def test_a_submission_is_a_request_of_the_caller_and_the_same_again_joins_it(
    assistant, ready, rows
):
    first = assistant.ask("pcs_prodtask_submit", name="t1")
    second = assistant.ask("pcs_prodtask_submit", name="t1")
    assert (first["queued"], first["state"], first["is_new"]) == (True, "queued", True)
    assert (second["request_id"], second["is_new"]) == (first["request_id"], False)
    [row] = rows(id=first["request_id"])
    assert (row.action, row.requested_by, row.source) == ("submit_task", "tester", "mcp")
    assert httpx.get(first["task_url"]).status_code == 200
    assert f"get_request(request_id={row.id}, wait_seconds=30)" in first["next"]


def test_a_submission_may_be_waited_for_until_its_id_is_there(assistant, ready, database, rows):
    ops = OpsSide(database.ops_engine)
    result = {"jedi_task_id": 4711, "panda_task_name": "n"}

    def work() -> None:
        wait_until(rows)
        ops.tell_steps("claim")
        ops.stand(RequestState.COMPLETED, result=result)
        ops.tell_steps("close")

    worker = threading.Thread(target=work)
    worker.start()
    answer = assistant.ask("pcs_prodtask_submit", name="t1", wait_seconds=20)
    worker.join()
    assert (answer["state"], answer["jedi_task_id"]) == ("completed", 4711)


def test_what_is_unknown_is_answered_as_unknown_and_not_as_failed(assistant, ready, database):
    assistant.ask("pcs_prodtask_submit", name="t1")
    OpsSide(database.ops_engine).stand(RequestState.UNKNOWN, error="prun was killed")
    answer = assistant.ask("pcs_prodtask_submit", name="t1", wait_seconds=0.1)
    assert (answer["state"], answer["error"]) == ("unknown", "prun was killed")
    assert "no failure. Do not ask for the same again" in answer["next"]


def test_a_draft_is_refused_with_the_reason(assistant, pcs):
    pcs.make_task("t1")
    assert "Only a locked (ready) task" in assistant.refusal("pcs_prodtask_submit", name="t1")
    assert "No task 'x'" in assistant.refusal("pcs_prodtask_submit", name="x")


def test_a_task_is_run_again_only_once_that_is_confirmed(assistant, recorded):
    assert "call it again with confirm=true" in assistant.refusal("pcs_prodtask_rerun", name="t1")


OPERATIONS = [
    ("pause", {"reason": "storage is full"}, "pause"),
    ("resume", {}, "resume"),
    ("add_attempts", {"increase": 3}, "increase_attempts"),
    ("retry_failures", {"new_parameters": {"ramCount": 4000}}, "retry_failures"),
]


@pytest.mark.parametrize("wanted", OPERATIONS)
def test_an_operation_is_a_request_of_the_owner_alone(assistant, recorded, stranger, rows, wanted):
    tool, arguments, operation = wanted
    confirmed = arguments | ({"confirm": True} if tool == "retry_failures" else {})
    name = f"pcs_prodtask_{tool}"
    assert "It is tester's" in stranger.refusal(name, name="t1", **confirmed)
    answer = assistant.ask(name, name="t1", **confirmed)
    assert (answer["operation"], answer["jedi_task_id"]) == (operation, 4711)
    [row] = rows(action="panda_task_operation")
    assert (
        row.parameters.items() >= {"operation": operation, "task_name": "t1", **arguments}.items()
    )
    assert (row.id, row.requested_by) == (answer["request_id"], "tester")
    again = assistant.ask(name, name="t1", **confirmed)
    assert (again["request_id"], answer["is_new"], again["is_new"]) == (row.id, True, False)


def test_nothing_is_done_to_a_task_that_has_no_id(assistant, ready):
    assert "has no jediTaskID" in assistant.refusal("pcs_prodtask_pause", name="t1")
