"""Who calls, over HTTP: tokens, sessions and proxied users, and what each may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from api.http import access as gate
from flows.common import access
from flows.common.callers import ALL, Scope
from flows.common.database import transaction
from flows.common.models import Request
from tests.cases import same
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MESSAGE = {"msg_type": "x"}


@pytest.fixture
def browser(served_api):
    with served_api.client(token=None) as client:
        yield client


def as_user(client: httpx.Client, name: str, path: str = "/api/actions/check_pipeline/", **more):
    headers = {"X-Remote-User": name, "Content-Type": "application/json"} | more.pop("headers", {})
    return client.post(path, headers=headers, **more)


def set_user(database, name: str, *scopes: Scope) -> None:
    with transaction(database.ops_engine) as session:
        access.set_user(session, name, scopes, None)


def asked(database) -> list[str]:
    with transaction(database.ops_engine) as session:
        return [row.requested_by for row in session.query(Request).order_by(Request.id)]


# ------------------------------------------------------------------ scopes


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    same(
        # a message, a log, an empty run
        ((Scope.READ,), (403, 403, 403)),
        ((Scope.MESSAGE,), (201, 403, 403)),
        ((Scope.REQUEST,), (403, 202, 403)),
        ((Scope.OPERATE,), (403, 202, 202)),
        ((Scope.ADMIN,), (403, 403, 403)),
        (tuple(ALL), (201, 202, 202)),
    ),
)
def test_a_token_does_what_its_scopes_permit(served_api, database, scopes, statuses):
    with served_api.client(token=database.create_token("bot", *scopes)) as client:
        answers = (
            client.post("/api/messages/", json=MESSAGE),
            client.post("/api/payload-logs/", json={"pandaid": 7}),
            client.post("/api/actions/check_pipeline/"),
        )
    assert tuple(answer.status_code for answer in answers) == statuses
    for answer in answers:
        if answer.status_code == 403:
            assert answer.json()["missing_scope"] in answer.json()["detail"]
    assert len(asked(database)) == statuses.count(202)


def test_a_user_whom_nobody_set_has_the_default_and_a_set_one_theirs(browser, database):
    assert as_user(browser, "anna").status_code == 403
    set_user(database, "otto", Scope.OPERATE)
    assert as_user(browser, "otto").status_code == 202
    set_user(database, "nemo")
    refused = as_user(browser, "nemo", "/api/payload-logs/", json={"pandaid": 7})
    assert "prodops user set nemo --scope request" in refused.json()["detail"]
    assert asked(database) == ["otto"]


def test_a_proxied_user_stays_below_the_ceiling(browser, database):
    with transaction(database.ops_engine) as session:
        access.policy(session).proxied_ceiling = ["read"]
    set_user(database, "otto", *ALL)
    assert as_user(browser, "otto").status_code == 403


def test_a_message_takes_more_than_a_user_has_who_is_proxied(browser):
    assert as_user(browser, "anna", "/api/messages/", json=MESSAGE).status_code == 403


# ------------------------------------------------------------------ in whose name


@pytest.mark.parametrize("key", ["created_by", "requested_by", "owner"])
def test_an_action_is_requested_by_its_caller_and_by_nobody_else(api, database, key):
    refused = api.post("/api/actions/fetch_payload_log/", json={"pandaid": 7, key: "eve"})
    assert refused.status_code == 403
    assert "Only a named service" in refused.json()["detail"]
    own = api.post("/api/actions/fetch_payload_log/", json={"pandaid": 7, key: "tester"})
    assert own.status_code == 202
    assert asked(database) == ["tester"]


def test_a_service_speaks_for_whom_it_names(served_api, database):
    with served_api.client(token=database.create_token("prodops")) as client:
        named = {"pandaid": 7, "requested_by": "eve"}
        assert client.post("/api/actions/fetch_payload_log/", json=named).status_code == 202
        other = client.post(
            "/api/actions/fetch_payload_log/", json={"pandaid": 8}, headers={"X-Remote-User": "ina"}
        )
    assert other.status_code == 202
    assert asked(database) == ["eve", "ina"]


def test_another_s_request_is_cancelled_by_an_operator_only(served_api, database, api):
    request_id = api.post("/api/payload-logs/", json={"pandaid": 7}).json()["request_id"]
    path = f"/api/requests/{request_id}/cancel/"
    with served_api.client(token=database.create_token("eve")) as client:
        assert client.post(path).json()["missing_scope"] == "operate"
    with served_api.client(token=database.create_token("otto", Scope.OPERATE)) as client:
        assert client.post(path).status_code == 202


# ------------------------------------------------------------------ how it is said


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer"])
def test_a_scheme_is_written_in_any_case(served_api, scheme):
    headers = {"Authorization": f"{scheme} {served_api.token}"}
    assert httpx.post(f"{served_api.url}/api/messages/", json=MESSAGE, headers=headers).is_success


@pytest.mark.parametrize("raw", ["žofie".encode(), "žofie".encode("iso-8859-2")])
def test_a_name_is_read_as_utf_8_or_as_it_came(browser, raw):
    page = browser.get("/", headers=[(b"X-Remote-User", raw)])
    expected = "žofie" if raw == "žofie".encode() else raw.decode("latin-1")
    assert expected in page.text


def test_two_named_users_are_no_user(browser):
    twice = [("X-Remote-User", "anna"), ("X-Remote-User", "eve")]
    answer = browser.post("/api/payload-logs/", json={"pandaid": 7}, headers=twice)
    assert (answer.status_code, "more than once" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_a_name_of_another_site_does_not_lead_here(browser, host):
    answer = browser.get("/api/health/", headers={"Host": host})
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["LOCALHOST:80", "[::1]:8002", "pandaserver02.sdcc.bnl.gov"])
def test_the_names_of_loopback_and_of_the_external_proxy_lead_here(browser, host):
    assert browser.get("/api/health/", headers={"Host": host}).status_code == 200


# ------------------------------------------------------------------ sessions


def test_what_another_site_can_send_writes_nothing(browser, served_api, database):
    """A form, a beacon, a POST without a body: for a session and for a proxied user."""
    assert browser.post("/login/", json={"token": served_api.token}).is_success
    for headers in ({}, {"X-Remote-User": "anna"}):
        for kind in (None, "text/plain", "application/x-www-form-urlencoded"):
            sent = headers | ({"Content-Type": kind} if kind else {})
            answer = browser.post("/api/actions/fetch_payload_log/", content=b"", headers=sent)
            assert answer.status_code == 415
            assert "application/json" in answer.json()["detail"]
    assert asked(database) == []


def test_a_session_may_what_its_token_may_and_ends_with_it(forgetful, browser, database):
    token = database.create_token("otto", Scope.OPERATE)
    assert browser.post("/login/", json={"token": token}).is_success
    as_json = {"Content-Type": "application/json"}
    assert browser.post("/api/actions/check_pipeline/", headers=as_json).status_code == 202
    revoke(database, "otto")
    wait_until(
        lambda: browser.post("/api/actions/check_pipeline/", headers=as_json).status_code == 401
    )


def test_a_stream_ends_with_its_token(forgetful, served_api, database):
    token = database.create_token("otto")
    with served_api.client(token=token) as client, open_stream(client) as chunks:
        revoke(database, "otto")
        assert list(chunks) == []


@pytest.mark.parametrize("how", same("revoked", "signed out"))
def test_a_stream_ends_with_its_session(forgetful, browser, database, how):
    token = database.create_token("otto")
    assert browser.post("/login/", json={"token": token}).is_success
    with open_stream(browser) as chunks:
        if how == "revoked":
            revoke(database, "otto")
        else:
            assert browser.post("/logout/").is_success
        assert list(chunks) == []


@pytest.fixture
def closed(monkeypatch, request):
    """A browser at an API whose reads are closed."""
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    return request.getfixturevalue("browser")


def test_where_reads_are_closed_a_stream_ends_with_its_user_s_reading(forgetful, closed, database):
    set_user(database, "anna", Scope.READ)
    closed.headers["X-Remote-User"] = "anna"
    with open_stream(closed) as chunks:
        set_user(database, "anna")
        assert list(chunks) == []


@contextmanager
def open_stream(client: httpx.Client) -> Iterator[Iterator[bytes]]:
    """The pieces that follow the first word of the stream."""
    with client.stream("GET", "/api/messages/stream/", timeout=30) as stream:
        chunks = stream.iter_raw()
        assert b"connected" in next(chunks)
        yield chunks


def test_a_revoked_token_that_the_web_tier_still_remembers_requests_nothing(
    served_api, database, monkeypatch
):
    """The database looks itself: what an API process remembers opens nothing."""
    monkeypatch.setattr(gate, "_CACHE_SECONDS", 3600.0)
    with served_api.client(token=database.create_token("otto")) as client:
        assert client.post("/api/payload-logs/", json={"pandaid": 7}).status_code == 202
        revoke(database, "otto")
        answer = client.post("/api/payload-logs/", json={"pandaid": 8})
    assert (answer.status_code, "revoked" in answer.json()["detail"]) == (403, True)


def revoke(database, owner: str) -> None:
    with transaction(database.ops_engine) as session:
        for token in access.list_tokens(session):
            if token.owner == owner:
                access.revoke_token(session, token.id)
