"""Requests by an assistant: read, waited for, cancelled, and looked back at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from flows.common.callers import Scope
from flows.common.database import now, transaction
from flows.common.models import Cancellation, Request, RequestState
from tests.cases import same
from tests.pcs_client import COMPOSED, Pcs
from tests.support.mcp import Assistant

pytestmark = pytest.mark.integration


@pytest.fixture
def fetches(api) -> list[int]:
    """Requests for the logs of three jobs."""
    asked = [api.post("/api/payload-logs/", json={"pandaid": job}) for job in (1, 2, 3)]
    return [each.json()["request_id"] for each in asked]


def end(database, request_id: int, state: RequestState, **values: object) -> None:
    with transaction(database.ops_engine) as session:
        ended = {"state": state, "started_at": now(), "finished_at": now(), **values}
        session.execute(update(Request).where(Request.id == request_id).values(**ended))


def test_a_request_is_answered_with_its_page_and_what_to_do(assistant, fetches, database):
    waiting = assistant.ask("get_request", request_id=fetches[0])
    assert (waiting["state"], waiting["subject"]) == ("queued", "1")
    assert waiting["links"]["request"].endswith(f"/requests/{fetches[0]}/")
    end(database, fetches[0], RequestState.FAILED, error="the door is closed")
    failed = assistant.ask("get_request", request_id=fetches[0], wait_seconds=30)
    assert failed["error"] == "the door is closed"
    assert failed["next"].startswith(f"explain_failure(request_id={fetches[0]})")


def test_the_open_ones_come_first_and_filters_hold(assistant, fetches, database):
    end(database, fetches[2], RequestState.COMPLETED)
    answer = assistant.ask("list_requests", action="fetch_payload_log", limit=2)
    assert [each["id"] for each in answer["items"]] == [fetches[1], fetches[0]]
    assert (answer["total_count"], answer["has_more"]) == (3, True)
    assert assistant.ask("list_requests", state="completed")["items"][0]["subject"] == "3"
    assert "'queued', 'claimed'" in assistant.refusal("list_requests", state="gone")


def test_a_request_is_cancelled_once_that_is_confirmed_and_not_by_a_stranger(
    assistant, fetches, served_api, database
):
    one = {"request_id": fetches[0], "reason": "a mistake"}
    assert "confirm=true" in assistant.refusal("cancel_request", **one)
    stranger = Assistant(served_api.url, database.create_token("stranger", Scope.REQUEST))
    assert "takes the scope operate" in stranger.refusal("cancel_request", **one, confirm=True)
    assert assistant.ask("cancel_request", **one, confirm=True)["id"] == fetches[0]
    with transaction(database.ops_engine) as session:
        noted = session.get(Cancellation, fetches[0])
    assert (noted.requested_by, noted.reason) == ("tester", "a mistake")


def test_what_was_done_is_listed_and_counted_by_outcome(assistant, fetches, database):
    end(database, fetches[0], RequestState.FAILED, error="no " * 200)
    end(database, fetches[1], RequestState.COMPLETED)
    failed = assistant.ask("epicprod_list_actions", outcome="error")["items"]
    assert [(each["request_id"], each["subject_key"]) for each in failed] == [(fetches[0], "1")]
    assert (len(failed[0]["reason"]), failed[0]["duration_ms"]) == (300, 0)
    counted = assistant.ask("epicprod_list_actions", summarize=True)
    assert counted["monitor_urls"][0]["url"].endswith("/requests/")
    assert counted["by_action"] == {"fetch_payload_log": {"error": 1, "ok": 1, "open": 1}}
    later = assistant.ask("epicprod_list_actions", start_time="2999-01-01")
    assert (later["items"], later["times"]) == ([], "UTC: start_time came without a zone")


@pytest.mark.parametrize("name", same("4711", "t1", COMPOSED))
def test_what_was_asked_of_a_task_is_found_by_each_of_its_names(assistant, api, name):
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=4711)
    asked = pcs.good("POST", "prod-tasks/t1/panda-pause/")["request_id"]
    api.post("/api/payload-logs/", json={"pandaid": 1})
    found = assistant.ask("list_requests", subject=name)["items"]
    assert [each["id"] for each in found] == [asked]
    done = assistant.ask("epicprod_list_actions", subject_key=name)["items"]
    assert [each["request_id"] for each in done] == [asked]


def test_a_job_s_number_that_is_also_a_task_s_finds_both(assistant, api, fetches):
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.record("t1", jedi_task_id=2)
    asked = pcs.good("POST", "prod-tasks/t1/panda-pause/")["request_id"]
    found = assistant.ask("list_requests", subject="2")["items"]
    assert {each["id"] for each in found} == {asked, fetches[1]}


def test_the_last_day_is_listed_and_the_last_week_counted_unless_told_otherwise(
    assistant, fetches, database
):
    for request_id, days in zip(fetches, (2, 10), strict=False):
        end(database, request_id, RequestState.COMPLETED, created_at=now() - timedelta(days=days))
    listed = assistant.ask("epicprod_list_actions")
    assert [each["request_id"] for each in listed["items"]] == [fetches[2]]
    assert (listed["success"], listed["window_end"]) == (True, None)
    assert assistant.ask("epicprod_list_actions", summarize=True)["total_count"] == 2
    longest = assistant.ask("epicprod_list_actions", start_time="2026-01-01T00:00:00Z")
    assert (longest["total_count"], longest["window_start"]) == (3, "2026-01-01T00:00:00Z")


def test_what_was_done_is_found_by_the_way_that_it_was_asked_for(assistant, fetches):
    asked = assistant.ask("fetch_payload_log", pandaid=9)["request_id"]
    found = assistant.ask("epicprod_list_actions", instance="mcp")["items"]
    assert [(each["request_id"], each["instance"]) for each in found] == [(asked, "mcp")]
