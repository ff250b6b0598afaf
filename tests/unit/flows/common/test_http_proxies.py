"""HTTP proxies: loopback never by one, the outside by it, whatever the library."""

from __future__ import annotations

import urllib.request

import httpx
import pytest
import requests
from websockets.uri import parse_uri

from flows.common.http_proxies import keep_loopback_direct, proxy_environment
from flows.common.settings import BadSetting

PROXY = "http://proxy.example:3128"
LOOPBACK = ["http://127.0.0.1:4200/api", "http://localhost:8002/", "https://127.0.0.1:25444/"]
GIVEN = [
    {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY},
    {"http_proxy": PROXY, "https_proxy": PROXY},
    {"ALL_PROXY": PROXY},
    {"all_proxy": PROXY, "no_proxy": "intern.example"},
    {"Http_Proxy": PROXY, "https_proxy": "proxy.example:3128", "NO_PROXY": " intern.example , "},
]


@pytest.fixture(params=GIVEN, ids=",".join)
def environment(request, monkeypatch):
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    for name, value in proxy_environment(request.param).items():
        monkeypatch.setenv(name, value)
    return request.param


@pytest.mark.parametrize("url", [*LOOPBACK, "http://[::1]:8002/"])
def test_no_library_takes_loopback_to_a_proxy(environment, url):
    assert requests.utils.get_environ_proxies(url) == {}
    with httpx.Client(verify=False) as client:
        transport = client._transport_for_url(httpx.URL(url))
    assert transport is client._transport or "Proxy" not in repr(transport._pool)
    if "[" not in url:
        assert urllib.request.proxy_bypass(httpx.URL(url).netloc.decode())


def test_the_outside_goes_by_the_proxy(environment):
    for url in ("https://rucio.example/ping", "http://panda.example/"):
        found = requests.utils.get_environ_proxies(url)
        assert found.get(url.partition(":")[0], found.get("all")).endswith("proxy.example:3128")
        with httpx.Client(verify=False) as client:
            transport = client._transport_for_url(httpx.URL(url))
        assert "Proxy" in repr(transport._pool)


def test_prefect_s_event_socket_stays_on_loopback(environment):
    from websockets.proxy import get_proxy  # noqa: PLC0415

    assert get_proxy(parse_uri("ws://127.0.0.1:4200/api/events/in")) is None


def test_both_cases_say_the_same_and_what_was_excepted_stays():
    found = proxy_environment({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"} | GIVEN[3])
    assert found["https_proxy"] == found["HTTPS_PROXY"] == "http://b:2"
    assert found["no_proxy"] == found["NO_PROXY"] == "intern.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize("given", [{}, {"NO_PROXY": "x"}, {"HTTP_PROXY": ""}, {"FTP_PROXY": PROXY}])
def test_without_a_proxy_there_is_nothing_to_except(given):
    assert proxy_environment(given) == {}


def test_who_excepts_everything_is_left_with_that():
    assert proxy_environment({"HTTP_PROXY": PROXY, "NO_PROXY": "*"})["no_proxy"] == "*"


@pytest.mark.parametrize(
    "value", ["socks5://me:secret@proxy:1080", "ftp://x", "http://", "http://proxy:port", "//x"]
)
def test_one_that_not_every_library_can_use_is_refused_without_its_password(value):
    with pytest.raises(BadSetting, match="setting ALL_PROXY=") as refused:
        proxy_environment({"all_proxy": value})
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_this_process_s_own_environment_has_one_meaning():
    environment = {"Http_Proxy": PROXY, "PATH": "/bin", "NO_PROXY": "x"}
    keep_loopback_direct(environment)
    assert "Http_Proxy" not in environment
    assert environment["http_proxy"] == environment["HTTP_PROXY"] == PROXY
    assert environment["PATH"] == "/bin"
