"""What a page of another site can do to a user who is signed in, or named by a proxy: nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from flows.common.callers import ALL
from flows.common.database import transaction
from tests.browser import visits
from tests.databases import Database
from tests.nginx_proxy import proxied, require_nginx
from tests.writes import write_paths

pytestmark = pytest.mark.browser

chromium = visits.chromium

FORM_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
ATTACK = """
async ([urls, types]) => {
  const answers = [];
  for (const url of urls) {
    for (const type of types) {
      const form = document.createElement("form");
      const frame = document.createElement("iframe");
      Object.assign(frame, { name: "f" + Math.random() });
      Object.assign(form, { action: url, method: "post", enctype: type, target: frame.name });
      document.body.append(frame, form);
      form.submit();
    }
    const given = { method: "POST", credentials: "include" };
    navigator.sendBeacon(url, "{}");
    await fetch(url, { ...given, mode: "no-cors" }).catch(() => null);
    await fetch(url, { ...given, mode: "no-cors", body: "{}" }).catch(() => null);
    const headers = { "Content-Type": "application/json" };
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const sent = { ...given, method, headers, body: "{}" };
      answers.push(await fetch(url, sent).then((answer) => answer.status, () => "refused"));
    }
  }
  return [...new Set(answers)];
}
"""
TABLES = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 1"
CONTENT = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} AS t"


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def other_site() -> Iterator[str]:
    """A page of another site: another name, which the browser tells apart."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def content(database: Database) -> dict[str, str]:
    """What each table holds, in short."""
    with transaction(database.ops_engine) as session:
        tables = session.scalars(text(TABLES)).all()
        return {each: str(session.scalar(text(CONTENT.format(each)))) for each in tables}


def attack(page: Any, other_site: str, base: str, paths: list[str]) -> list[Any]:
    page.goto(other_site)
    return page.evaluate(ATTACK, [[base + path for path in paths], list(FORM_TYPES)])


@pytest.mark.slow
def test_it_writes_nothing_by_a_proxy_s_user(
    chromium: Browser, served_api, database, other_site, tmp_path
):
    require_nginx()
    with proxied(served_api.url, tmp_path, user="anna") as url:
        paths = write_paths(served_api)
        before = content(database)
        page = chromium.new_page()
        assert attack(page, other_site, url, paths) == ["refused"]
        assert content(database) == before
        page.close()


@pytest.mark.slow
def test_it_writes_nothing_by_a_session(chromium: Browser, served_api, database, other_site):
    token = database.create_token("otto", *ALL)
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{served_api.url}/login/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    paths = write_paths(served_api)
    before = content(database)
    assert attack(page, other_site, served_api.url, paths) == ["refused"]
    assert content(database) == before
    page.goto(served_api.url)
    page.get_by_role("button", name="Sign out").wait_for()
    context.close()
