"""What a trusted proxy tells, and nobody else: TLS, and that the caller came from outside."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi import Request

from api.http import proxies
from flows.common.settings import settings

EXTERNAL = {"x-remote-user": "anna", "accept": "*/*", "user-agent": "python-httpx/0.28"}


def request(peer="127.0.0.1", scheme="http", **headers) -> Request:
    configured = settings()
    api = configured.api.model_copy(update={"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")})
    app = SimpleNamespace(
        state=SimpleNamespace(settings=configured.model_copy(update={"api": api}))
    )
    sent = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return Request(
        {"type": "http", "app": app, "scheme": scheme, "client": (peer, 1), "headers": sent}
    )


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("told", ["https", "HTTPS", "http, https", "http,https "])
def test_a_trusted_proxy_is_believed_that_the_caller_came_by_tls(peer, told):
    assert proxies.is_secure(request(peer, x_forwarded_proto=told))


@pytest.mark.parametrize("peer", ["192.0.2.1", "::1", "testclient", "::ffff:192.0.2.1"])
def test_nobody_else_is(peer):
    assert not proxies.is_secure(request(peer, x_forwarded_proto="https"))
    assert not proxies.is_external(request(peer, **EXTERNAL))


@pytest.mark.parametrize("told", ["", "http", "https, http", "wss", "httpsx"])
def test_what_the_nearest_proxy_says_counts(told):
    assert not proxies.is_secure(request(x_forwarded_proto=told))
    assert proxies.is_secure(request(scheme="https", x_forwarded_proto=told))


def test_who_comes_without_what_a_browser_sends_came_by_the_external_proxy():
    assert proxies.is_external(request(**EXTERNAL))
    seen = [
        proxies.is_external(request(**EXTERNAL, **more))
        for more in (
            {"cookie": "a=b"}, {"accept-language": "en"}, {"sec-fetch-mode": "navigate"},
            {"authorization": "Token x"},
        )
    ]  # fmt: skip
    seen += [proxies.is_external(request(**{**EXTERNAL, "accept": "text/html,*/*;q=0.8"}))]
    seen += [proxies.is_external(request(accept="*/*"))]
    assert seen == [False] * 6


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/pcs/tasks/", True), ("/panda/jobs/1/log/", True), ("/static/css/state-colors.css", True),
        ("/api/panda/jobs/", True), ("/api/messages/stream/", True), ("/", False),
        ("/requests/", False), ("/login/", False), ("/docs", False), ("/api/requests/1/", False),
        ("/pcsx/", False),
    ],
)  # fmt: skip
def test_only_what_the_external_proxy_passes_on_is_served_there(path, expected):
    assert proxies.serves(request(**EXTERNAL), path) is expected
    assert proxies.serves(request(), path)
