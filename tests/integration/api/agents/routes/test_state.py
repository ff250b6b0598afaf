"""Counters and namespaces over REST, in the answers that agents look for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.integration

COUNTERS = {
    "next-agent-id": ("agent_id", 1),
    "next-run-number": ("run_number", 100010),
    "next-workflow-execution-id": ("sequence", 1),
}
TOKEN_ONLY = ["next-agent-id", "next-run-number"]


@pytest.mark.parametrize("path", COUNTERS)
def test_a_number_comes_with_the_word_that_agents_look_for(api, path):
    key, first = COUNTERS[path]
    for number in (first, first + 1):
        answer = api.post(f"/api/state/{path}/")
        assert (answer.status_code, answer.json()) == (200, {key: number, "status": "success"})


def test_a_body_is_not_read(api):
    answer = api.post("/api/state/next-workflow-execution-id/", json={"workflow_name": "w"})
    assert answer.json()["sequence"] == 1
    assert api.post("/api/state/next-agent-id/", content=b"{").status_code == 200


@pytest.mark.parametrize("path", COUNTERS)
@pytest.mark.parametrize(
    ("token", "text"),
    [(None, "Authentication credentials were not provided."), ("0" * 40, "Invalid token.")],
)
def test_without_a_good_token_there_is_no_number(served_api, path, token, text):
    with served_api.client(token=token) as client:
        answer = client.post(f"/api/state/{path}/")
    is_told_the_scheme = path in TOKEN_ONLY
    assert answer.status_code == (401 if is_told_the_scheme else 403)
    assert answer.json() == {"detail": text}
    assert answer.headers.get("WWW-Authenticate") == ("Token" if is_told_the_scheme else None)


@pytest.mark.parametrize("path", [f"state/{each}" for each in COUNTERS] + ["namespaces/ensure"])
def test_reading_a_counter_is_405(api, path):
    answer = api.get(f"/api/{path}/")
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "GET" not allowed.'})


def test_no_two_agents_get_the_same_number(api):
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: api.post("/api/state/next-agent-id/").json(), range(40))
        assert sorted(each["agent_id"] for each in answers) == list(range(1, 41))


# ------------------------------------------------------------------ namespaces


def test_a_namespace_is_made_once(api):
    sent = {"name": "testbed", "owner": "me"}
    made = api.post("/api/namespaces/ensure/", json=sent | {"description": "d"})
    again = api.post("/api/namespaces/ensure/", json=sent | {"owner": "you"})
    expected = sent | {"description": "d", "created": True, "status": "success"}
    assert (made.status_code, made.json()) == (200, expected)
    assert (again.status_code, again.json()) == (200, expected | {"created": False})


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "name is required"),
        ({"owner": "me"}, "name is required"),
        ({"name": "", "owner": "me"}, "name is required"),
        ({"name": "n"}, "owner is required"),
        ({"name": "n", "owner": None}, "owner is required"),
    ],
)
def test_a_namespace_without_name_or_owner_is_refused(api, sent, text):
    answer = api.post("/api/namespaces/ensure/", json=sent)
    assert (answer.status_code, answer.json()) == (400, {"error": text, "status": "error"})


def test_a_name_that_is_too_long_is_named(api):
    answer = api.post("/api/namespaces/ensure/", json={"name": "n" * 101, "owner": "me"})
    assert (answer.status_code, set(answer.json())) == (400, {"name"})


def test_a_namespace_takes_a_token(served_api):
    with served_api.client(token=None) as client:
        assert client.post("/api/namespaces/ensure/", json={}).status_code == 403
