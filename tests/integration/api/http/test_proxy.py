"""Behind a proxy that strips cookies and headers and makes a 502 of every redirect."""

from __future__ import annotations

import json
import re
import threading

import httpx
import pytest

from flows.common import access, actions, callers, events
from flows.common.database import now, transaction
from tests.nginx_proxy import proxied, require_nginx
from tests.pcs_client import COMPOSED, Pcs
from tests.writes import writes

pytestmark = pytest.mark.integration

ASSET = re.compile(r'(?:href|src)="(/prod/static/[^"]*)"')


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
        found = {code: httpx.get(f"{url}/{code}").status_code for code in (301, 302, 304, 307, 308)}
    server.shutdown()
    server.server_close()
    assert set(found.values()) == {502}


def test_every_page_loads_with_all_its_assets(outside, pcs):
    pcs.make_ready("t1", sample="")
    for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/", "/", "/fastmon/", "/requests/"):
        page = outside.get(path)
        assets = ASSET.findall(page.text)
        assert (page.status_code, bool(assets)) == (200, True)
        assert {outside.get(each.removeprefix("/prod")).status_code for each in assets} == {200}


def test_no_path_of_pcs_redirects_with_or_without_its_slash(closed, outside, pcs):
    task = pcs.make_ready("t1", sample="")
    paths = [
        "/pcs/tasks", f"/pcs/tasks/{COMPOSED}", f"/pcs/tasks/{task['id']}", "/pcs/tasks/t1",
        "/pcs/tasks/compose", "/pcs/tasks/nosuch", "/pcs/tasks/a.b", "/pcs/tasks/a//b",
        "/pcs/tasks/states.json", "/pcs/tasks/plan.json", "/pcs/nosuch", "/pcs",
    ]  # fmt: skip
    described = outside.get("/openapi.json").json()["paths"]
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
    for method, path in writes(closed):
        address = path.removeprefix("/prod")
        unsigned = outside.request(method, address, content=b"{}", headers={"Content-Type": ""})
        signed = outside.request(method, address, content=b"{}", headers=as_json)
        bare = outside.request(method, address, headers=as_json)
        found[method, path] = (unsigned.status_code, {signed.status_code, bare.status_code})
    assert len(found) > 40
    assert {code for code, _ in found.values()} == {415}
    refused = {key: codes for key, (_, codes) in found.items() if codes & {401, 403, 415, 502}}
    assert refused == {}
