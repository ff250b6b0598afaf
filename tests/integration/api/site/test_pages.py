"""The pages: their cookies, who may look, and the prefix."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from api.fastmon.queries import live
from api.http.access import VISITOR_COOKIE
from api.http.app import create_app
from flows.common import events
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import Request
from flows.common.settings import settings
from tests.cases import same
from tests.sampled_run import messages_of, take_in

pytestmark = pytest.mark.integration


@pytest.fixture
def client(served_api):
    """A browser that has not been here before."""
    with served_api.client(token=None) as browser:
        yield browser


@pytest.mark.parametrize("path", ["/", "/fastmon/", "/requests/"])
def test_a_page_makes_a_visitor_who_may_follow_the_stream(client, path):
    answer = client.get(path)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(VISITOR_COOKIE)
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/;"))
    with client.stream("GET", "/api/messages/stream/") as stream:
        assert stream.status_code == 200
    assert "set-cookie" not in client.get(path).headers


def test_a_visitor_may_not_write(client):
    client.get("/")
    assert client.post("/api/messages/", json={"msg_type": "x"}).status_code == 401


def test_every_page_has_a_strict_policy_and_no_outside_address(client, database):
    take_in(database.ops_engine, messages_of(1, 1))
    for path in ("/", "/fastmon/", "/requests/", "/requests/1/", "/login/"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)


@pytest.mark.parametrize("parameters", [[], "x", 7, None, {"a": [1]}])
def test_a_row_of_any_shape_is_shown_and_says_what_it_waits_for(client, database, parameters):
    with transaction(database.ops_engine) as session:
        row = Request(action="no_such", parameters=parameters, requested_by="me", source="test")
        session.add(row)
        session.flush()
    for path in ("/requests/", f"/requests/{row.id}/", f"/api/requests/{row.id}/"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "no worker of this version knows the action no_such" in answer.text


def test_an_asset_is_kept_for_good_packed_or_not(client):
    path = re.search(r'data-script="([^"]+)"', client.get("/fastmon/").text).group(1)
    packed = client.get(path)
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.content == plain.content
    assert "immutable" in packed.headers["cache-control"]
    assert client.get("/static/0/plotly.min.js").headers["cache-control"] == "no-store"
    assert client.get("/static/0/nothing.js").status_code == 404


def test_what_is_not_there_is_said_so(client):
    assert client.get("/requests/99/").status_code == 404
    assert "There is no request 99" in client.get("/requests/99/").text
    odd = client.get("/fastmon/", params={"run": "<b>x"})
    assert odd.status_code == 400
    assert "<b>x" not in odd.text


def test_a_lost_database_is_told_on_a_page(client, monkeypatch):
    monkeypatch.setattr(live, "take", _unavailable)
    answer = client.get("/fastmon/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "Not available just now" in answer.text


def _unavailable(*_):
    raise DatabaseUnavailable("the database is unavailable: it restarts")


# ------------------------------------------------------------------ signing in


@pytest.fixture
def closed(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    return request.getfixturevalue("served_api")


def test_closed_reads_ask_for_a_token_without_a_redirect(closed):
    answer = httpx.get(f"{closed.url}/fastmon/?run=5")
    assert answer.status_code == 401
    assert 'value="/fastmon/?run=5"' in answer.text
    assert "set-cookie" not in answer.headers
    assert httpx.get(f"{closed.url}/fastmon/snapshot.json").status_code == 403


def test_a_token_signs_in_and_the_session_reads_and_writes_until_signed_out(closed):
    with httpx.Client(base_url=closed.url) as browser:
        form = {"token": closed.token, "target": "/fastmon/?run=5"}
        welcome = browser.post("/login/", data=form)
        assert welcome.status_code == 200
        assert "0;url=/fastmon/?run=5" in welcome.text
        kept = dict(browser.cookies)
        assert "Sign out" in browser.get("/fastmon/").text
        assert browser.post("/api/messages/", json={"msg_type": "x"}).status_code == 201
        assert browser.post("/logout/").status_code == 200
        assert browser.get("/fastmon/").status_code == 401
        browser.cookies.update(kept)
        assert browser.post("/api/messages/", json={"msg_type": "x"}).status_code == 401


def test_a_script_signs_in_with_json(closed):
    with httpx.Client(base_url=closed.url) as browser:
        bad = browser.post("/login/", json={"token": "0" * 40})
        assert (bad.status_code, list(bad.json())) == (403, ["detail"])
        good = browser.post("/login/", json={"token": closed.token})
        assert good.json() == {"name": "tester", "scopes": ["read", "message", "request"]}
        assert browser.get("/fastmon/").status_code == 200


@pytest.mark.parametrize("sent", [b"[" * 4000, b'{"token":' * 400, b"[1", b"[]", b"7", b"\xff"])
def test_what_is_no_form_signs_nobody_in(closed, sent):
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{closed.url}/login/", content=sent, headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["detail"])


@pytest.mark.parametrize(
    "headers",
    same(
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ),
)
@pytest.mark.parametrize("path", ["/login/", "/logout/"])
def test_a_form_of_another_site_signs_nobody_in_or_out(served_api, headers, path):
    with served_api.client(token=None) as browser:
        browser.post("/login/", json={"token": served_api.token})
        answer = browser.post(path, data={"token": served_api.token}, headers=headers)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
        assert "Sign out" in browser.get("/").text


@pytest.mark.parametrize("token", ["", "0" * 40, "ü", "a\nb"])
def test_a_wrong_token_is_refused_in_words(closed, token):
    answer = httpx.post(f"{closed.url}/login/", data={"token": token})
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    ["https://evil.ex/", "//evil.ex", "/\\evil.ex", "/\t/evil.ex", "/\n/evil.ex", "/\r//evil.ex"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(served_api, target):
    form = {"token": served_api.token, "target": target}
    assert "evil" not in httpx.post(f"{served_api.url}/login/", data=form).text
    assert "evil" not in httpx.get(f"{served_api.url}/login/", params={"target": target}).text


def test_a_host_that_a_caller_makes_up_is_on_no_page(closed):
    for host in ("evil.example", "evil.example/x?", "a@evil.example:80"):
        answer = httpx.get(f"{closed.url}/fastmon/?run=5", headers={"Host": host})
        assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (400, False)


def test_a_cookie_is_secure_behind_a_trusted_proxy_that_serves_tls(client):
    assert "Secure" in client.get("/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]


@pytest.mark.parametrize("path", ["/", "/api/health/", "/fastmon/", "/api/runs/", "/api/requests/"])
def test_head_is_answered_on_every_kind_of_route(client, path):
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_a_cookie_is_secure_over_https(database):
    assert "Secure" in asyncio.run(_over_https("/")).headers["set-cookie"]


async def _over_https(path):
    app = create_app(settings())
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as browser:
            return await browser.get(path)
    finally:
        app.state.engine.dispose()


def test_a_proxy_s_user_needs_no_cookie(closed):
    answer = httpx.get(f"{closed.url}/fastmon/", headers={"X-Remote-User": "anna"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


# ------------------------------------------------------------------ the prefix


_LINK = re.compile(r'(?:href|src|action|data-script|data-stream)="(/[^"]*)"')


def test_every_link_is_under_the_prefix(database, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    served = request.getfixturevalue("served_api")
    take_in(database.ops_engine, messages_of(1, 1))
    with httpx.Client(base_url=served.url.removesuffix("/swf-monitor")) as browser:
        for path in ("/", "/fastmon/", "/requests/", "/requests/1/", "/login/"):
            answer = browser.get(f"/swf-monitor{path}")
            links = _LINK.findall(answer.text)
            assert (answer.status_code, bool(links)) == (200, True)
            assert all(link.startswith("/swf-monitor/") for link in links)
            assert all(browser.get(each).status_code == 200 for each in links if ".js" in each)
    assert "Path=/swf-monitor;" in httpx.get(f"{served.url}/").headers["set-cookie"]


def test_a_request_s_event_is_after_the_list_that_lacks_it(client, database):
    before = int(re.search(r'data-event-id="(\d+)"', client.get("/requests/").text).group(1))
    take_in(database.ops_engine, messages_of(1, 1))
    with transaction(database.ops_engine) as session:
        [event] = events.commit(
            session,
            [events.NewEvent(msg_type="flow_run_state", payload="{}", at=now())],
        )
    assert event > before
    page = client.get("/requests/").text
    assert int(re.search(r'data-event-id="(\d+)"', page).group(1)) == event
