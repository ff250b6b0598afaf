"""The policy of Prefect's pages: on pages alone, with the API's own address."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deployments.stack.prefect_ui import OwnHostOnly, policy


@pytest.mark.parametrize(
    ("api_url", "addresses"),
    [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200 ws://127.0.0.1:4200"),
        (
            "https://prefect.example.org/api",
            "https://prefect.example.org wss://prefect.example.org",
        ),
    ],
)
def test_pages_may_ask_their_own_host_and_the_api(api_url, addresses):
    connect = next(each for each in policy(api_url).split("; ") if each.startswith("connect-src"))
    assert connect == f"connect-src 'self' data: blob: {addresses}"


def test_only_pages_get_it():
    routes = [
        Route("/page", lambda _: HTMLResponse("<p>")), Route("/json", lambda _: JSONResponse({}))
    ]  # fmt: skip
    with TestClient(OwnHostOnly(Starlette(routes=routes), "http://127.0.0.1/api")) as client:
        assert "default-src 'self'" in client.get("/page").headers["Content-Security-Policy"]
        assert "Content-Security-Policy" not in client.get("/json").headers
