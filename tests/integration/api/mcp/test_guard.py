"""What stands before the MCP server: methods, tokens, prefix; and what a restart leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import httpx2  # the SDK's
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from api.http.tools import waiting
from flows.common import access
from flows.common.callers import Scope
from flows.common.database import transaction
from flows.common.models import ApiToken
from tests.cases import same
from tests.support.mcp import Assistant
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
CALL = LIST | {"method": "tools/call", "params": {"name": "list_runs", "arguments": {}}}
ADDRESSES = ("/mcp/", "/mcp")


@pytest.fixture
def anybody(served_api):
    with served_api.client(token=None) as client:
        yield client


def send(client: httpx.Client, path: str = "/mcp/", body: Any = LIST, **headers: str):
    return client.post(path, json=body, headers=headers)


@pytest.mark.parametrize("path", same(*ADDRESSES))
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_anything_but_post_is_405_that_names_post(anybody, method, path):
    answer = anybody.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["allowed_methods"] == ["POST"]
    assert method in answer.json()["error"]


@pytest.mark.parametrize("path", ["/mcp/health", "/mcp/health/"])
def test_health_takes_no_token(anybody, path):
    assert anybody.get(path).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "TOKEN", "Token"])
def test_a_token_is_taken_under_either_scheme_in_any_case(served_api, anybody, scheme, path):
    answer = send(anybody, path, Authorization=f"{scheme} {served_api.token}")
    assert answer.status_code == 200
    assert answer.json()["result"]["tools"]


@pytest.mark.parametrize("path", ["/mcp/foo", "/mcp/foo/bar/"])
def test_what_follows_in_the_path_is_nothing_to_it(api, anybody, path):
    assert send(api, path, body=CALL).json()["result"]["structuredContent"]["items"] == []
    assert send(anybody, path).status_code == 401


@pytest.fixture
def revoked_while_waiting(database, monkeypatch) -> None:
    """A token is good until a call waits."""

    def revoke() -> None:
        with transaction(database.ops_engine) as session:
            for token in session.query(ApiToken):
                access.revoke_token(session, token.id)

    async def waited(*given: Any, **more: Any) -> dict[str, Any]:
        await asyncio.to_thread(revoke)
        return await waiting.waited(*given, **more)

    monkeypatch.setattr("api.http.access._CACHE_SECONDS", 0)
    monkeypatch.setattr("api.http.tools.serving.waited", waited)


@pytest.mark.usefixtures("revoked_while_waiting")
def test_a_call_that_waits_reads_nothing_more_once_its_token_is_revoked(assistant, api):
    asked = api.post("/api/payload-logs/", json={"pandaid": 1}).json()["request_id"]
    refusal = assistant.refusal("get_request", request_id=asked, wait_seconds=30)
    assert refusal == "Invalid token. `prodops token create` or the page /me/ makes one."


@pytest.mark.usefixtures("revoked_while_waiting")
def test_what_was_asked_for_before_the_token_was_revoked_is_answered(api):
    asked = {"name": "fetch_payload_log", "arguments": {"pandaid": 1, "wait_seconds": 30}}
    answer = send(api, body=CALL | {"params": asked}).json()["result"]
    assert answer["structuredContent"]["queued"]


def test_without_a_token_it_is_401_and_with_a_wrong_one_403(anybody):
    missing, wrong = send(anybody), send(anybody, Authorization="Bearer wrong")
    assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert wrong.status_code == 403
    assert wrong.json() == {"detail": "Invalid token."}


def test_a_token_that_is_revoked_in_the_middle_is_refused(served_api, api, database, forgetful):
    assert send(api).status_code == 200
    with transaction(database.ops_engine) as session:
        for token in session.query(ApiToken):
            access.revoke_token(session, token.id)
    wait_until(lambda: send(api).status_code == 403)


def test_a_trusted_proxys_user_calls_with_its_own_scopes(database, anybody):
    with transaction(database.ops_engine) as session:
        access.set_user(session, "anna", [Scope.READ], None)
    sending = CALL | {"params": {"name": "send_message", "arguments": {"message": "x"}}}
    answer = send(anybody, body=sending, **{"X-Remote-User": "anna"}).json()["result"]
    assert answer["isError"]
    assert "takes the scope message" in answer["content"][0]["text"]
    assert "prodops user set anna --scope message" in answer["content"][0]["text"]


def test_a_page_of_another_site_cannot_make_a_proxys_user_call(anybody):
    headers = {"X-Remote-User": "anna", "Content-Type": "text/plain"}
    assert anybody.post("/mcp/", content=b"{}", headers=headers).status_code == 415


def test_no_session_is_lost_by_a_restart_for_there_is_none(served_api, api):
    headers = {"Mcp-Session-Id": "of-long-ago"}
    assert send(api, **headers).status_code == 200
    served_api.restart()
    answer = send(api, body=CALL, **headers).json()
    assert answer["result"]["structuredContent"]["items"] == []


def test_under_a_prefix_links_lead_through_the_door_that_one_came_by(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    api = request.getfixturevalue("api")
    assert str(api.base_url).endswith("/swf-monitor/")
    door = {"X-Forwarded-Host": "epic.example.org", "X-Forwarded-Proto": "https"}
    answer = send(api, body=CALL, **door).json()["result"]["structuredContent"]
    assert answer["monitor_urls"][0]["url"] == "https://epic.example.org/swf-monitor/fastmon/"
    assert api.get("/mcp/health").json() == {"status": "ok"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b"\xff"])
def test_what_is_no_call_is_refused_and_breaks_nothing(api, body):
    answer = api.post("/mcp/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert send(api).status_code == 200


def test_a_body_above_the_bound_is_413(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_API_MAX_BODY_BYTES", "2000")
    api = request.getfixturevalue("api")
    assert send(api, body=LIST | {"params": {"x": "x" * 3000}}).status_code == 413


def test_the_sdks_own_client_initializes_lists_and_calls(served_api):
    async def session() -> tuple[str, int, Any]:
        async with (
            httpx2.AsyncClient(headers=served_api.authorization) as http,
            streamable_http_client(f"{served_api.url}/mcp/", http_client=http) as streams,
            ClientSession(*streams[:2]) as client,
        ):
            begun = await client.initialize()
            tools = (await client.list_tools()).tools
            answer = await client.call_tool("list_agents", {"status": "all"})
            return begun.server_info.name, len(tools), answer

    name, number, answer = asyncio.run(session())
    assert (name, answer.is_error) == ("swf-testbed", False)
    assert number > 70
    assert answer.structured_content["items"] == []


def test_a_token_that_may_read_may_do_nothing_else(served_api, database):
    reader = Assistant(served_api.url, database.create_token("reader", Scope.READ))
    assert reader.ask("list_runs")["total_count"] == 0
    assert "takes the scope request" in reader.refusal("start_workflow", namespace="a")
