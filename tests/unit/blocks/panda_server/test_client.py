"""The PanDA client: what it asks, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from blocks.errors import ProdOpsError
from blocks.panda_server import PandaRefused, PandaServer, PandaTask, TokenRefused
from blocks.panda_server.errors import PandaUnavailable
from blocks.panda_server.tasks import ABORTING, ENDED, LIVE

TOKEN = "eyJhbGciOi.eyJzdWIiOiI.c2lnbmF0dXJl"
NAME = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"


def served(answer: Callable[[httpx.Request], httpx.Response]) -> PandaServer:
    return PandaServer(
        "https://panda.example:25443/server/panda",
        lambda: TOKEN,
        vo="EIC.production",
        timeout_seconds=5,
        transport=httpx.MockTransport(answer),
    )


def saying(*, success: bool = True, message: str = "", data: Any = None) -> PandaServer:
    body = json.dumps({"success": success, "message": message, "data": data})
    return served(lambda _: httpx.Response(200, text=body))


def row(id_: int, name: str | None = NAME + "/", **more: Any) -> dict[str, Any]:
    return {"jediTaskID": id_, "taskName": name, "status": "running", **more}


def listing(rows_by_name: dict[str, list[dict[str, Any]]]) -> PandaServer:
    def answer(request: httpx.Request) -> httpx.Response:
        filters = json.loads(request.url.params["filters"])
        assert filters["userName"] == "Prod Ops"
        rows = rows_by_name.get(filters["taskName"], [])
        return httpx.Response(200, json={"success": True, "message": "", "data": rows})

    return served(answer)


def test_a_name_is_asked_for_with_and_without_prun_s_slash():
    panda = listing({NAME + "/": [row(8), row(5)], NAME: [row(7, NAME)]})
    found = panda.tasks_named(NAME, user_name="Prod Ops")
    assert [(task.id, task.name) for task in found] == [(5, NAME), (7, NAME), (8, NAME)]


def test_a_task_that_both_spellings_show_counts_once_and_another_name_never():
    panda = listing({NAME + "/": [row(5), row(6, NAME + ".try2/")], NAME: [row(5)]})
    assert [task.id for task in panda.tasks_named(NAME + "/", user_name="Prod Ops")] == [5]


def test_times_are_aware_utc_in_both_of_panda_s_forms():
    made = {"__datetime__": "2026-11-22T10:00:00"}
    task = PandaTask.from_row(
        {"jeditaskid": "5", "status": "done", "creationDate": made,
         "modificationTime": "2026-11-22 11:30:00"}
    )  # fmt: skip
    assert task.created_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert task.modified_at == datetime(2026, 11, 22, 11, 30, tzinfo=UTC)


def test_a_duplicate_that_panda_aborted_names_its_survivor():
    said = "toabort since there is duplicated task -> jediTaskID=35"
    task = PandaTask.from_row(row(36, None, errorDialog=said) | {"status": "toabort"})
    assert (task.name, task.survivor_id, task.is_live) == (None, 35, False)


def test_statuses_are_live_ended_or_aborting_and_an_unknown_one_is_live():
    def with_status(status: str) -> PandaTask:
        return PandaTask.from_row(row(1) | {"status": status})

    assert not LIVE & (ENDED | ABORTING)
    assert all(with_status(status).is_live for status in LIVE)
    assert not any(with_status(status).is_live for status in ENDED | ABORTING)
    assert with_status("never-heard-of").is_live
    assert with_status("aborted").is_ended
    assert not with_status("toabort").is_ended


def test_changed_tasks_are_asked_for_by_utc_to_the_second():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"success": True, "data": [row(9), row(3)]})

    since = datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    found = served(answer).modified_since(since, user_name="Prod Ops", limit=50)
    assert [task.id for task in found] == [3, 9]
    assert asked[0]["since"] == "2026-11-22 10:00:00"
    assert asked[0]["n_tasks"] == "50"


def test_a_request_goes_to_the_origin_with_token_and_vo():
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"success": True, "message": "", "data": "running"})

    assert served(answer).status(41) == "running"
    assert str(seen[0].url) == "https://panda.example:25443/api/v1/task/get_status?task_id=41"
    assert seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen[0].headers["Origin"] == "EIC.production"


def test_an_unknown_task_has_neither_status_nor_parameters():
    panda = saying(success=False, message="Task not found")
    assert panda.status(41) is None
    assert panda.parameters(41) is None


def finding(
    parameters: dict[str, Any] | None, rows: dict[str, list[dict[str, Any]]]
) -> PandaServer:
    """A server that knows a task's parameters, and lists the tasks of each user."""

    def answer(request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        if method == "get_status":
            return httpx.Response(200, json={"success": True, "data": "ready"})
        if method == "get_task_parameters":
            found = {"success": True, "data": parameters}
            absent = {"success": False, "message": "Task not found"}
            return httpx.Response(200, json=absent if parameters is None else found)
        user = json.loads(request.url.params["filters"])["userName"]
        return httpx.Response(200, json={"success": True, "data": rows.get(user, [])})

    return served(answer)


def test_a_task_is_found_by_its_number_whoever_submitted_it():
    theirs = row(41, NAME, userName="Some Body", status="finished", nFiles=100, nFilesFailed=4)
    panda = finding({"taskName": NAME + "/", "userName": "Some Body"}, {"Some Body": [theirs]})
    found = panda.find(41)
    assert found is not None
    assert (found.name, found.user_name, found.status) == (NAME, "Some Body", "finished")
    assert (found.inputs, found.inputs_failed) == (100, 4)


def test_a_task_that_jedi_does_not_list_has_the_name_and_user_of_its_parameters():
    found = finding({"taskName": NAME + "/", "userName": "Some Body"}, {}).find(41)
    assert found is not None
    assert (found.id, found.name, found.user_name, found.status) == (41, NAME, "Some Body", "ready")
    nobody_s = finding({"taskName": NAME}, {}).find(41)
    assert nobody_s is not None
    assert nobody_s.user_name is None


def test_an_unknown_number_is_no_task():
    assert finding(None, {}).find(41) is None


def test_a_refused_look_up_is_never_taken_for_an_unknown_task():
    with pytest.raises(PandaRefused, match="Database error"):
        saying(success=False, message="Database error").status(41)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(500, text="ERROR: boom"), PandaUnavailable),
        (httpx.Response(502, text="<html>Bad Gateway</html>"), PandaUnavailable),
        (httpx.Response(429), PandaUnavailable),
        (httpx.Response(200, text="<html>maintenance</html>"), PandaUnavailable),
        (httpx.Response(200, text='"text"'), PandaUnavailable),
        (httpx.Response(200, json=["no envelope"]), PandaUnavailable),
        (httpx.Response(401), TokenRefused),
        (httpx.Response(403, text="Token authentication failed. Signature has expired"),
         TokenRefused),
        (httpx.Response(403, text="method get_status is forbidden"), PandaRefused),
        (httpx.Response(404, text="Not Found"), PandaRefused),
        (httpx.Response(302, headers={"Location": "https://elsewhere"}), PandaRefused),
        (httpx.Response(200, json={"success": False,
                                   "message": "SSL secure connection is required"}), TokenRefused),
        (httpx.Response(200, json={"success": True, "data": {"status": "running"}}),
         PandaUnavailable),
    ],
)  # fmt: skip
def test_every_answer_has_its_error(answer: httpx.Response, error: type[ProdOpsError]):
    with pytest.raises(error) as caught:
        served(lambda _: answer).status(41)
    assert TOKEN not in f"{caught.value} {caught.value!r}"


def test_silence_is_unavailable():
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(PandaUnavailable, match=r"panda\.example:25443: ReadTimeout"):
        served(silent).tasks_named(NAME, user_name="Prod Ops")


@pytest.mark.parametrize("rows", [None, [1], [{"status": "done"}], [row(1) | {"jediTaskID": "x"}]])
def test_a_list_of_tasks_that_is_none_is_unavailable(rows: Any):
    with pytest.raises(PandaUnavailable, match="no list of tasks"):
        saying(data=rows).tasks_named(NAME, user_name="Prod Ops")


def test_an_operation_says_what_panda_said_or_why_it_refused():
    assert saying(message="command=pause is registered", data=0).pause(41).startswith("command")
    with pytest.raises(PandaRefused, match="irrelevant") as caught:
        saying(success=False, message="irrelevant status", data=4).resume(41)
    assert (caught.value.code, caught.value.message) == (4, "irrelevant status")


@pytest.mark.parametrize("act", ["retry", "pause", "resume"])
@pytest.mark.parametrize(
    "parts",
    [
        {"message": "Command rejected: not accepted in pending status", "data": 4},
        {"message": "", "data": [4, "Command rejected: not accepted in pending status"]},
    ],
)
def test_an_operation_s_code_decides_whatever_success_says(act: str, parts: dict[str, Any]):
    with pytest.raises(PandaRefused, match="not accepted in pending status") as caught:
        getattr(saying(success=True, **parts), act)(41)
    assert caught.value.code == 4


def test_more_attempts_that_panda_rejects_are_refused_in_its_own_words():
    panda = saying(success=True, message="command rejected since status=done", data=2)
    with pytest.raises(PandaRefused, match="rejected since status=done"):
        panda.increase_attempts(41, 1)
    assert (
        saying(data=[0, "increased attemptNr for 2 inputs"])
        .increase_attempts(41, 1)
        .endswith("2 inputs")
    )


@pytest.mark.parametrize(("success", "is_taken"), [(True, True), (False, False)])
def test_an_operation_s_answer_without_a_code_is_judged_by_its_success(success, is_taken):
    panda = saying(success=success, message="so be it", data=None)
    if is_taken:
        assert panda.pause(41) == "so be it"
    else:
        with pytest.raises(PandaRefused, match="so be it"):
            panda.pause(41)


def test_code_3_refuses_a_plain_retry_and_accepts_one_with_new_parameters():
    panda = saying(success=False, message="reactivation accepted", data=3)
    with pytest.raises(PandaRefused):
        panda.retry(41)
    assert panda.retry(41, {"ramCount": 4000}) == "reactivation accepted"


def test_operations_are_posted_with_their_parameters():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={"success": True, "message": "", "data": 0})

    panda = served(answer)
    panda.increase_attempts(41, 2)
    panda.retry(41, {"ramCount": 4000})
    assert sent == [
        ("POST", "/api/v1/task/increase_attempts", {"task_id": 41, "increase": 2}),
        ("POST", "/api/v1/task/retry", {"task_id": 41, "new_parameters": {"ramCount": 4000}}),
    ]


@pytest.mark.parametrize("url", ["panda.example", "ftp://panda.example", "https://", ""])
def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(PandaRefused, match="is no http"):
        PandaServer(url, lambda: TOKEN, vo="EIC", timeout_seconds=5)
