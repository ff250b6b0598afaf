"""The PCS client: what it asks of ours and of the original, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from blocks.errors import ProdOpsError
from blocks.pcs_service import (
    NotAllowed,
    PcsConflict,
    PcsRefused,
    PcsService,
    RouteMissing,
    TaskUnknown,
)
from blocks.pcs_service.errors import PcsUnavailable

TOKEN = "0123456789abcdef"
NAME = "group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"
TASK = {"id": 7, "name": NAME, "composed_name": NAME, "status": "ready", "created_by": "ann",
        "panda_task_id": None, "panda_tasks": [], "overrides": None}  # fmt: skip
NO_ROUTE = [
    httpx.Response(405, json={"detail": 'Method "POST" not allowed.'}),
    httpx.Response(404, text="<h1>Not Found</h1>"),
    httpx.Response(404, json={"detail": "Not found."}),
]
Answerer = Callable[[httpx.Request], httpx.Response]


class Pcs:
    """A PCS of given answers, and the requests that came."""

    def __init__(self, *answers: httpx.Response, url: str = "http://pcs.example/swf-monitor"):
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        self.service = PcsService(
            url, token=TOKEN, timeout_seconds=5, transport=httpx.MockTransport(self._answer)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0)

    @property
    def paths(self) -> Sequence[str]:
        base = "/swf-monitor/pcs/api/prod-tasks/"
        return [request.url.raw_path.decode().removeprefix(base) for request in self.requests]

    def body(self, number: int = 0) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.requests[number].content)
        return body


def task(**changes: Any) -> httpx.Response:
    return httpx.Response(200, json=TASK | changes)


def test_a_task_is_read_and_unknown_keys_are_passed_over():
    attempt = {"id": 3, "try_number": 1, "task_name": NAME, "jedi_task_id": 41, "new_key": 1}
    pcs = Pcs(task(panda_task_id="41", panda_tasks=[attempt], readiness=["no input"], new_key=1))
    found = pcs.service.task(NAME)
    assert (found.id, found.panda_task_id, found.overrides) == (7, 41, {})
    assert (found.panda_tasks[0].id, found.panda_tasks[0].jedi_task_id) == (3, 41)
    assert found.readiness == ("no input",)
    assert pcs.paths == [f"{NAME}/"]


def test_a_task_of_the_original_says_nothing_of_readiness():
    found = Pcs(task(panda_tasks=None)).service.task(NAME)
    assert (found.readiness, found.request, found.panda_tasks) == (None, None, ())


def test_requests_carry_the_token_and_the_user_in_whose_name_they_are():
    pcs = Pcs(task(), task())
    pcs.service.submit(NAME, user="ann")
    pcs.service.task(NAME)
    first, second = pcs.requests
    assert first.headers["Authorization"] == f"Token {TOKEN}"
    assert first.headers["X-Remote-User"] == "ann"
    assert "X-Remote-User" not in second.headers


@pytest.mark.parametrize(
    "url", ["http://pcs.example", "http://pcs.example/", "http://pcs.example/pcs/api/"]
)
def test_the_address_may_end_before_or_after_pcs_api(url: str):
    pcs = Pcs(task(), url=url)
    pcs.service.task(NAME)
    assert str(pcs.requests[0].url) == f"http://pcs.example/pcs/api/prod-tasks/{NAME}/"


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("a b", "a%20b"), ("a?b#c", "a%3Fb%23c"), ("a%2Fb", "a%252Fb"), ("é\n", "%C3%A9%0A"),
     ("--x'\"", "--x%27%22")],
)  # fmt: skip
def test_no_name_leaves_its_place_in_the_path(name: str, quoted: str):
    pcs = Pcs(task(name=name))
    pcs.service.task(name)
    assert pcs.paths == [f"{quoted}/"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_move_the_path_is_unknown_without_asking(name: str):
    pcs = Pcs()
    with pytest.raises(TaskUnknown):
        pcs.service.task(name)
    assert pcs.requests == []


def test_a_name_with_slashes_is_found_in_the_list_and_acted_on_by_number():
    name = "EVGEN/DIS/NC/10x100"
    rows = httpx.Response(200, json=[TASK | {"id": 8, "name": name + "/more"},
                                     TASK | {"id": 9, "name": name}])  # fmt: skip
    pcs = Pcs(rows, task(id=9, name=name))
    assert pcs.service.lock(name, user="ann").id == 9
    assert pcs.paths == ["?name_contains=EVGEN%2FDIS%2FNC%2F10x100", "9/lock/"]


def test_a_name_with_slashes_that_no_task_has_is_unknown():
    with pytest.raises(TaskUnknown, match="No task 'a/b'"):
        Pcs(httpx.Response(200, json=[])).service.task("a/b")


BAD = {"id": 8, "name": "bad", "status": None}


@pytest.mark.parametrize("row", [BAD, {**BAD, "status": "x", "panda_tasks": [{"id": "y"}]}, None])
def test_one_row_of_another_form_is_set_aside_with_its_reason(row: Any):
    pcs = Pcs(httpx.Response(200, json=[row, TASK]))
    assert [each.id for each in pcs.service.tasks()] == [7]
    assert list(pcs.service.unreadable) == ["prod-tasks bad" if row else "prod-tasks row 0"]


@pytest.mark.parametrize("rows", [[BAD], [BAD, {}], {"results": []}, "no list"])
def test_a_list_of_which_no_row_can_be_read_is_no_answer(rows: Any):
    pcs = Pcs(httpx.Response(200, json=rows))
    with pytest.raises(PcsUnavailable, match="PCS gave something else"):
        pcs.service.tasks()


def test_filters_that_are_not_given_are_not_sent():
    pcs = Pcs(httpx.Response(200, json=[TASK]))
    assert [each.id for each in pcs.service.tasks(status="ready", campaign=None)] == [7]
    assert pcs.paths == ["?status=ready"]


def test_the_command_is_asked_for_by_name_and_attempt_and_comes_as_it_is():
    pcs = Pcs(httpx.Response(200, text="prun \\\n  --outDS x\n"))
    assert pcs.service.command("a/b c", panda_tasks_id=3) == "prun \\\n  --outDS x\n"
    params = dict(pcs.requests[0].url.params)
    assert params == {"name": "a/b c", "fmt": "panda", "panda_tasks_id": "3"}


def test_the_dump_is_a_json_object():
    assert Pcs(httpx.Response(200, json={"task": {}})).service.dump(NAME) == {"task": {}}
    with pytest.raises(PcsUnavailable):
        Pcs(httpx.Response(200, json=[])).service.dump(NAME)


def test_actions_are_posted_to_the_task():
    pcs = Pcs(task(), task(), task(), task(status="draft"))
    pcs.service.submit(NAME)
    pcs.service.rerun(NAME)
    pcs.service.lock(NAME)
    assert pcs.service.set_status(NAME, "draft", user="ann").status == "draft"
    ends = ["submit/", "rerun-entire-task/", "lock/", "set-status/"]
    assert pcs.paths == [f"{NAME}/{end}" for end in ends]
    assert pcs.body(3) == {"status": "draft"}


def test_a_submission_is_recorded_in_the_owner_s_name_with_what_is_known():
    pcs = Pcs(task(panda_task_id=41), task(panda_task_id=41))
    pcs.service.record_submission(NAME, 41, owner="ann")
    pcs.service.record_submission(
        NAME, 41, panda_tasks_id=3, panda_task_name=NAME + ".try2", owner="ann", replaces=40
    )
    assert pcs.paths == [f"record-submission/?name={NAME}"] * 2
    assert pcs.requests[0].headers["X-Remote-User"] == "ann"
    assert pcs.body(0) == {"jedi_task_id": 41}
    assert pcs.body(1) == {"jedi_task_id": 41, "panda_tasks_id": 3,
                           "panda_task_name": NAME + ".try2", "replaces": 40}  # fmt: skip


def test_a_failed_submission_is_recorded_with_its_reason():
    pcs = Pcs(task())
    pcs.service.record_submission_failure(NAME, panda_tasks_id=3, reason="refused", owner="ann")
    assert pcs.paths == [f"record-submission-failure/?name={NAME}"]
    assert pcs.body() == {"panda_tasks_id": 3, "reason": "refused"}


def test_a_state_is_recorded_where_pcs_has_a_place_for_it():
    pcs = Pcs(task())
    assert pcs.service.record_status(NAME, 41, "running", owner="ann")
    assert pcs.body() == {"jedi_task_id": 41, "panda_status": "running"}


@pytest.mark.parametrize("no_route", NO_ROUTE)
@pytest.mark.parametrize(("status", "moved"), [("finished", "completed"), ("broken", "failed")])
def test_at_the_original_the_end_of_a_submitted_task_moves_its_status(no_route, status, moved):
    submitted = task(status="submitted", panda_task_id=41)
    pcs = Pcs(no_route, submitted, task(status=moved))
    assert pcs.service.record_status(NAME, 41, status, owner="ann")
    assert pcs.paths[2] == f"{NAME}/set-status/"
    assert pcs.body(2) == {"status": moved}
    assert pcs.requests[2].headers["X-Remote-User"] == "ann"


@pytest.mark.parametrize(
    "present", [{"status": "submitted", "panda_task_id": 42},
                {"status": "completed", "panda_task_id": 41}],
)  # fmt: skip
def test_at_the_original_an_earlier_attempt_or_an_ended_task_moves_nothing(present):
    pcs = Pcs(NO_ROUTE[0], task(**present))
    assert not pcs.service.record_status(NAME, 41, "done", owner="ann")


def test_at_the_original_a_live_state_has_no_place():
    assert not Pcs(NO_ROUTE[0]).service.record_status(NAME, 41, "running", owner="ann")


def test_an_unknown_attempt_is_not_taken_for_a_missing_route():
    answer = httpx.Response(404, json={"detail": "The task has no attempt 41."})
    with pytest.raises(TaskUnknown):
        Pcs(answer).service.record_status(NAME, 41, "done")


def test_a_task_of_panda_is_associated_by_name():
    pcs = Pcs(httpx.Response(200, json={"task": NAME}))
    assert pcs.service.associate(NAME + "/", 41, "running") == NAME
    assert pcs.body() == {"panda_task_name": NAME + "/", "jedi_task_id": 41,
                          "panda_status": "running"}  # fmt: skip


@pytest.mark.parametrize(
    "answer", [*NO_ROUTE, httpx.Response(404, json={"detail": "No task of that name."})]
)
def test_a_task_of_panda_that_pcs_does_not_know_is_associated_with_none(answer):
    assert Pcs(answer).service.associate(NAME, 41, "running") is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json={"detail": "Only a locked task"}), PcsRefused),
        (httpx.Response(400, json={"status": ["may not be set"]}), PcsRefused),
        (httpx.Response(401), NotAllowed),
        (httpx.Response(403, json={"detail": "no"}), NotAllowed),
        (httpx.Response(404, json={"detail": "No task 'x'"}), TaskUnknown),
        (httpx.Response(404, text="No task named 'x'"), TaskUnknown),
        (httpx.Response(404, text="<html>"), RouteMissing),
        (httpx.Response(409, json={"detail": "Already submitted as jediTaskID 40."}), PcsConflict),
        (httpx.Response(302, headers={"Location": "/login"}), PcsRefused),
        (httpx.Response(502, text="<html>"), PcsUnavailable),
        (httpx.Response(503), PcsUnavailable),
        (httpx.Response(200, text="<html>please log in</html>"), PcsUnavailable),
        (httpx.Response(200, json={"id": "x"}), PcsUnavailable),
        (httpx.Response(200, json=[]), PcsUnavailable),
    ],
)
def test_every_answer_has_its_error(answer: httpx.Response, error: type[ProdOpsError]):
    with pytest.raises(ProdOpsError) as caught:
        Pcs(answer).service.submit(NAME, user="ann")
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r}"


def test_a_refusal_carries_its_status_and_its_words():
    with pytest.raises(PcsConflict) as caught:
        Pcs(httpx.Response(409, json={"detail": "another\n id"})).service.submit(NAME)
    assert (caught.value.status, caught.value.detail) == (409, "another id")


def test_silence_is_unavailable():
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("")

    service = PcsService(
        "http://pcs.example", timeout_seconds=5, transport=httpx.MockTransport(silent)
    )
    with pytest.raises(PcsUnavailable, match=r"pcs\.example/pcs/api: ConnectTimeout"):
        service.task(NAME)


@pytest.mark.parametrize("user", ["ann\r\nX-Remote-User: bob", "é", "a\0", " ann "])
def test_a_user_name_that_no_header_holds_is_refused_before_it_is_sent(user: str):
    pcs = Pcs(task())
    with pytest.raises(PcsRefused, match="no header may"):
        pcs.service.submit(NAME, user=user)
    assert pcs.requests == []


def test_a_token_that_no_header_holds_is_refused_and_not_shown():
    with pytest.raises(PcsRefused) as caught:
        PcsService("http://pcs.example", token="secret\nX: y", timeout_seconds=5)
    assert "secret" not in str(caught.value)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(PcsRefused, match="is no http"):
        PcsService("pcs.example", timeout_seconds=5)
