"""The proxy of the production guide, as it is written there, in front of a real API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from flows.common.database import transaction
from flows.common.models import Request
from tests.support.documented_proxy import PASSWORD, USER, documented_proxy

pytestmark = pytest.mark.integration


@pytest.fixture
def proxy(monkeypatch, request, tmp_path: Path) -> Iterator[str]:
    """The documented nginx, whose certificate httpx trusts."""
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    monkeypatch.setenv("PRODOPS_API_ALLOWED_HOSTS", "prodops.example.org,127.0.0.1")
    served = request.getfixturevalue("served_api")
    with documented_proxy(tmp_path, served.port) as address:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "prodops.pem"))
        yield address


def ask(proxy: str, *, headers: list[tuple[str, str]] | None = None, **more) -> httpx.Response:
    return httpx.post(f"{proxy}/api/payload-logs/", json={"pandaid": 7}, headers=headers, **more)


def test_it_names_only_whom_it_has_verified(proxy, database):
    assert ask(proxy).status_code == 401
    assert ask(proxy, auth=(USER, "x")).status_code == 401
    spoofed = [("X-Remote-User", "eve"), ("X-Remote-User", "root")]
    assert ask(proxy, headers=spoofed).status_code == 401
    assert ask(proxy, headers=[("Authorization", "Basic YW5uYTp4")]).status_code == 401
    assert ask(proxy, auth=(USER, PASSWORD), headers=spoofed).status_code == 202
    with transaction(database.ops_engine) as session:
        assert [row.requested_by for row in session.query(Request)] == [USER]


def test_a_token_passes_and_makes_no_other_name_believed(proxy, served_api, database):
    spoofed = [("X-Remote-User", "eve")]
    for scheme in ("Token", "bearer"):
        known = [("Authorization", f"{scheme} {served_api.token}"), *spoofed]
        assert ask(proxy, headers=known).status_code == 202
        wrong = [("Authorization", f"{scheme} {'0' * 40}"), *spoofed]
        assert ask(proxy, headers=wrong).json() == {"detail": "Invalid token."}
    with transaction(database.ops_engine) as session:
        assert {row.requested_by for row in session.query(Request)} == {"tester"}


def follow(proxy: str, **more) -> AbstractContextManager[httpx.Response]:
    return httpx.stream("GET", f"{proxy}/api/messages/stream/", timeout=10, **more)


def test_the_stream_is_not_held_back(proxy, served_api):
    with follow(proxy, auth=(USER, PASSWORD)) as stream:
        frames = stream.iter_raw()
        assert b"connected" in next(frames)
        with served_api.client() as sender:
            assert sender.post("/api/messages/", json={"msg_type": "x"}).status_code == 201
        assert b"event: x" in next(frames)


def test_the_stream_is_not_packed_where_all_else_is(proxy):
    with follow(proxy, auth=(USER, PASSWORD)) as stream:
        assert "content-encoding" not in stream.headers
        assert stream.headers["content-type"].startswith("text/event-stream")
    packed = httpx.get(f"{proxy}/api/health/", auth=(USER, PASSWORD))
    assert packed.headers["content-encoding"] == "gzip"


def test_the_stream_is_for_whom_the_proxy_knows_only(proxy):
    with follow(proxy, headers={"X-Remote-User": "eve"}) as stream:
        assert stream.status_code == 401
