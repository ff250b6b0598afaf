"""Behind a proxy that strips cookies and headers and makes a 502 of every redirect."""

from __future__ import annotations

import json
import re
import threading
from html import unescape
from urllib.parse import urljoin

import httpx
import pytest

from flows.common import access, actions, callers, events, requests
from flows.common.database import now, transaction
from tests.nginx_proxy import proxied, require_nginx
from tests.pcs_client import COMPOSED, Pcs
from tests.writes import writes

pytestmark = pytest.mark.integration

LINK = re.compile(r'(?:href|src|action|data-stream|data-script|data-address)="([^"]*)"')


@pytest.fixture
def closed(monkeypatch, request):
    """The API under a prefix, whose reads are for those whom it knows."""
    require_nginx()
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/prod")
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    return request.getfixturevalue("served_api")


@pytest.fixture
def outside(closed, tmp_path):
    """A client that reaches the API through the proxy only, with the cookie jar of a browser."""
    with (
        proxied(closed.url, tmp_path, user="anna") as url,
        httpx.Client(base_url=url, timeout=20) as client,
    ):
        yield client


@pytest.fixture
def pcs(outside):
    return Pcs(outside)


def test_the_proxy_strips_what_it_should(closed, outside):
    spoofed = {"X-Remote-User": "eve", "Cookie": "prodops_reader=x", "Authorization": "Token bad"}
    answer = outside.get("/pcs/tasks/", headers=spoofed)
    assert answer.status_code == 200
    assert "You write as <b>anna</b>" in answer.text
    assert {"set-cookie", "cache-control", "content-security-policy"}.isdisjoint(answer.headers)
    assert outside.options("/pcs/tasks/").status_code == 405
    assert httpx.get(f"{closed.url}/pcs/tasks/").status_code == 401


def test_a_redirect_would_not_get_through(tmp_path, free_port):
    """The double does what the real proxy does: nothing here passes it by chance."""
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/").split("/")[-1]))
            self.send_header("Location", "/elsewhere/")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", free_port), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with proxied(f"http://127.0.0.1:{free_port}/prod", tmp_path, user="anna") as url:
        found = {
            code: httpx.get(f"{url}/pcs/{code}").status_code for code in (301, 302, 304, 307, 308)
        }
    server.shutdown()
    server.server_close()
    assert set(found.values()) == {502}


def links_of(page: httpx.Response) -> set[str]:
    """Where a page leads, as addresses below the proxy's; the stream apart, which does not end."""
    found = {urljoin(str(page.url), unescape(each)) for each in LINK.findall(page.text)}
    return {each.partition("#")[0] for each in found if "/api/messages/stream/" not in each}


def test_no_link_of_any_page_is_dead(outside, pcs, database):
    """From the proxy's first page on, whatever is linked is served, and nothing leads outside."""
    pcs.make_ready("t1", sample="")
    pcs.submit("t1")
    with transaction(database.ops_engine) as session:
        job = requests.accept(
            session, actions.get("fetch_payload_log"),
            actions.get("fetch_payload_log").parse({"scope": "s", "lfn": "l.tgz", "pandaid": "7"}),
            caller=callers.on_ops_side("anna"), source="rest",
        )  # fmt: skip
    base = str(outside.base_url)
    seen, open_links = set(), {base, f"{base}pcs/", f"{base}panda/jobs/7/log/?request={job.id}"}
    answers = {}
    while open_links:
        link = open_links.pop()
        seen.add(link)
        answers[link] = outside.get(link)
        if "text/html" in answers[link].headers["content-type"]:
            open_links |= links_of(answers[link]) - seen
    dead = {link: each.status_code for link, each in answers.items() if each.status_code >= 300}
    assert dead == {}
    assert all(link.startswith(base) for link in seen)
    assert {f"{base}pcs/tasks/", f"{base}pcs/catalog/", f"{base}pcs/reports/"} <= seen
    assert len(seen) > 20


def test_pages_offer_no_sign_in_and_ask_for_no_token(outside, pcs):
    pcs.make_ready("t1", sample="")
    for path in ("/", "/pcs/", "/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/", "/pcs/catalog/"):
        text = outside.get(path).text
        assert re.search(r'<div class="nav-auth">\s*<span class="who">anna</span>\s*</div>', text)
        assert not re.search(r"Sign (?:in|out)|token-dialog|127\.0\.0\.1", text)


def test_a_browser_that_comes_directly_has_every_link(closed):
    browser = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "X-Remote-User": "anna"}
    text = httpx.get(f"{closed.url}/pcs/", headers=browser).text
    for path in ("/requests/", "/fastmon/", "/docs", "/logout/", ""):
        assert f'"/prod{path or "/"}"' in text


def test_the_style_that_the_proxy_s_own_pages_ask_for_is_served(outside):
    answer = outside.get("/static/css/state-colors.css")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert ".running_fill" in answer.text


@pytest.mark.slow
def test_no_path_of_pcs_redirects_with_or_without_its_slash(closed, outside, pcs):
    task = pcs.make_ready("t1", sample="")
    paths = [
        "/pcs/tasks", f"/pcs/tasks/{COMPOSED}", f"/pcs/tasks/{task['id']}", "/pcs/tasks/t1",
        "/pcs/tasks/compose", "/pcs/tasks/nosuch", "/pcs/tasks/a.b", "/pcs/tasks/a//b",
        "/pcs/tasks/states.json", "/pcs/tasks/plan.json", "/pcs/nosuch", "/pcs",
    ]  # fmt: skip
    described = httpx.get(f"{closed.url}/openapi.json").json()["paths"]
    paths += [
        re.sub(r"{.*?}", COMPOSED, each.removeprefix("/prod")).rstrip("/")
        for each in described
        if each.startswith("/prod/pcs/")
    ]
    assert len(paths) > 30
    told = {}
    for path in paths:
        for form in (path, f"{path}/"):
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                told[method, form] = outside.request(method, form).status_code
    assert {key: code for key, code in told.items() if 300 <= code < 400 or code >= 500} == {}
    assert told["GET", f"/pcs/tasks/{COMPOSED}"] == told["GET", f"/pcs/tasks/{COMPOSED}/"] == 200


def test_a_submission_is_asked_for_and_its_outcome_heard(outside, pcs, database):
    pcs.make_ready("t1", sample="")
    listening = {"msg_types": "prodtask_submitted,prodtask_submit_failed"}
    with outside.stream("GET", "/api/messages/stream/", params=listening) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: connected"
        answer = outside.post(f"/pcs/api/prod-tasks/{COMPOSED}/submit/", json={})
        assert (answer.status_code, answer.json()["request"]["state"]) == (200, "queued")
        told = {"msg_type": "prodtask_submitted", "task_name": "t1", "jedi_task_id": "7"}
        with transaction(database.ops_engine) as session:
            events.commit(session, [events.message_event(told | {"at": now().isoformat()})])
        data = next(line for line in lines if "jedi_task_id" in line)
    assert json.loads(data.removeprefix("data: "))["task_name"] == "t1"


def test_every_write_gets_through_and_takes_the_sign(closed, outside, database):
    """The proxy drops all headers but the body's type, which is the sign that a write is ours."""
    with transaction(database.ops_engine) as session:
        access.publish(
            session,
            actions={each.name: each.scope for each in actions.all_actions().values()},
            proxied_scopes=callers.ALL,
            proxied_ceiling=callers.ALL,
            services=[],
        )
    as_json = {"Content-Type": "application/json"}
    found = {}
    passed_on = [each for each in writes(closed) if each[1].startswith("/prod/pcs/")]
    for method, path in passed_on:
        address = path.removeprefix("/prod")
        # It is refused before its body is read, whereupon nginx may close the connection.
        alone = {"Content-Type": "", "Connection": "close"}
        unsigned = outside.request(method, address, content=b"{}", headers=alone)
        signed = outside.request(method, address, content=b"{}", headers=as_json)
        bare = outside.request(method, address, headers=as_json)
        found[method, path] = (unsigned.status_code, {signed.status_code, bare.status_code})
    assert len(found) > 30
    assert {code for code, _ in found.values()} == {415}
    refused = {key: codes for key, (_, codes) in found.items() if codes & {401, 403, 415, 502}}
    assert refused == {}
