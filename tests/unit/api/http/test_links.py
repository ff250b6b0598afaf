"""Addresses that we answer with: below our prefix, whatever a caller or a Host header says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi import Request

from api.http import links
from flows.common.settings import settings

LEADS_AWAY = [
    "", "evil.example", "https://evil.example/", "//evil.example", "///evil.example",
    "javascript:x",
    "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example",
    "/\r/evil.example",
    " //evil.example", "/\0/evil.example", "/\x7f/evil.example", "/\u2028/evil.example",
    "/a\\..\\b",
    "/\u0085/evil.example", "/\u200b/evil.example", "/x\ud800",
]  # fmt: skip
LEAVES_THE_PREFIX = [
    "/elsewhere/", "/prod", "/production/", "/prod/../elsewhere/", "/prod/./x", "/prod/%2e%2e/else",
    "/prod/%2E./else", "/prod/a/..", "/PROD/",
]  # fmt: skip
OURS = [
    "/prod/", "/prod/fastmon/?run=5", "/prod/pcs/did/?did=epic:/RECO/a..b#files",
    "/prod/a/?to=/../x",
    "/prod/pcs/did/epic//RECO/x", "/prod/pcs/tasks/Žofie/", "/prod/?q=a b", "/prod/.../x",
]  # fmt: skip


def request(path="/", query="", root_path="", **headers) -> Request:
    configured = settings()
    stack = configured.stack.model_copy(update={"root_path": root_path})
    app = SimpleNamespace(
        state=SimpleNamespace(settings=configured.model_copy(update={"stack": stack}))
    )
    return Request(
        {
            "type": "http", "app": app, "path": path, "query_string": query.encode(),
            "scheme": "http", "server": ("127.0.0.1", 8002), "method": "GET",
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        }
    )  # fmt: skip


@pytest.mark.parametrize("target", LEADS_AWAY)
def test_no_link_leads_to_another_host(target):
    assert links.local_path(request(), target) == "/"


@pytest.mark.parametrize("target", LEADS_AWAY + LEAVES_THE_PREFIX)
def test_no_link_leads_out_of_the_prefix(target):
    assert links.local_path(request(root_path="/prod"), target) == "/prod/"


@pytest.mark.parametrize("target", OURS)
def test_a_path_of_ours_is_kept_as_it_is(target):
    assert links.local_path(request(root_path="/prod"), target) == target


@pytest.mark.parametrize("host", ["evil.example", "a/b", "a?b=c", "a#b", "[::1", "", "x@evil:80"])
def test_the_host_header_is_in_no_link(host):
    asked = request("/api/runs/", "limit=2&offset=4&run_number=7", host=host)
    assert links.here(asked) == "/api/runs/"
    assert links.here_with_query(asked) == "/api/runs/?limit=2&offset=4&run_number=7"
    next_page = links.page_link(asked, limit=2, offset=6)
    assert next_page == "/api/runs/?run_number=7&limit=2&offset=6"


@pytest.mark.parametrize("offset", [0, -3])
def test_the_first_page_has_no_offset(offset):
    asked = request("/prod/api/runs/", "offset=1&limit=2", "/prod")
    assert links.page_link(asked, limit=2, offset=offset) == "/prod/api/runs/?limit=2"


def test_a_path_that_needs_it_is_escaped_in_its_link():
    assert links.here(request("/pcs/tasks/a?b#c d/")) == "/pcs/tasks/a%3Fb%23c%20d/"
    assert links.here(request("//evil.example/")) == "/evil.example/"
    assert links.here_with_query(request("/x/", "q=%26%09&q=b")) == "/x/?q=%26%09&q=b"
