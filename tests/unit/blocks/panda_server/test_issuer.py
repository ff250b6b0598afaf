"""The issuer of PanDA's tokens: what is sent to it, and what comes of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from blocks.panda_server import TokenRefused
from blocks.panda_server.errors import PandaUnavailable
from blocks.panda_server.issuer import Issuer

CONFIG_URL = "https://panda.example/auth/EIC.production_auth_config.json"
DISCOVERY_URL = "https://iam.example/.well-known/openid-configuration"
ENDPOINT = "https://iam.example/token"
REFRESH = "eyJyZWZyZXNo.c2VjcmV0cw.c2lnbmF0dXJl"
FORM = {"grant_type": "refresh_token", "refresh_token": REFRESH}

Answers = dict[str, httpx.Response]


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Issuer, list[Any]]]:
    """An issuer of given answers by URL, and what it was asked."""

    def made(**changed: httpx.Response) -> tuple[Issuer, list[Any]]:
        config = {"oidc_config_url": DISCOVERY_URL, "client_id": "c-1", "client_secret": "s-1"}
        answers = {
            CONFIG_URL: httpx.Response(200, json=config),
            DISCOVERY_URL: httpx.Response(200, json={"token_endpoint": ENDPOINT}),
        } | {globals()[name]: answer for name, answer in changed.items()}
        asked: list[Any] = []

        def exchange(_: Issuer, method: str, url: str, **parts: Any) -> httpx.Response:
            asked.append((method, url, parts))
            answers[url].request = httpx.Request(method, url)
            return answers[url]

        monkeypatch.setattr(Issuer, "_exchange", exchange)
        return Issuer("https://panda.example/server/panda", "EIC.production"), asked

    return made


def test_a_grant_is_asked_for_with_the_client_that_panda_names(issuer):
    asking, asked = issuer(ENDPOINT=httpx.Response(200, json={"id_token": "new"}))
    assert asking.grant(FORM) == {"id_token": "new"}
    assert [url for _, url, _ in asked] == [CONFIG_URL, DISCOVERY_URL, ENDPOINT]
    assert asked[2][2]["data"] == FORM | {"client_id": "c-1", "client_secret": "s-1"}


def test_the_configuration_is_asked_for_once_also_while_it_cannot_be_had(issuer):
    asking, asked = issuer()
    assert asking.config() is asking.config()
    assert len(asked) == 1
    failing, asked = issuer(CONFIG_URL=httpx.Response(503))
    for _ in range(2):
        with pytest.raises(PandaUnavailable, match="HTTP 503"):
            failing.config()
    assert len(asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"error": "invalid_grant", "error_description": f"Invalid refresh token: {REFRESH}"},
        {"error": "invalid_grant", "error_description": "s-1 eyJhbGciOiJI.eyJzdWIiOiJh.c2lnbmF0"},
    ],
)
def test_a_refusal_that_repeats_a_secret_is_shown_without_it(issuer, said):
    asking, _ = issuer(ENDPOINT=httpx.Response(400, json=said))
    with pytest.raises(TokenRefused, match=r"iam\.example refused: invalid_grant: ") as caught:
        asking.grant(FORM)
    assert not any(secret in str(caught.value) for secret in ("eyJ", "s-1"))


def test_secrets_go_to_no_endpoint_without_tls(issuer):
    open_endpoint = {"token_endpoint": "http://iam.example/token"}
    asking, asked = issuer(DISCOVERY_URL=httpx.Response(200, json=open_endpoint))
    with pytest.raises(TokenRefused, match="is no https"):
        asking.grant(FORM)
    assert [url for _, url, _ in asked] == [CONFIG_URL, DISCOVERY_URL]


@pytest.mark.parametrize(
    "changed",
    [
        {"CONFIG_URL": httpx.Response(200, json={"client_id": "c-1"})},
        {"CONFIG_URL": httpx.Response(200, text="<html>")},
        {"CONFIG_URL": httpx.Response(302, headers={"Location": "/"})},
        {"DISCOVERY_URL": httpx.Response(200, json=[])},
        {"DISCOVERY_URL": httpx.Response(404)},
        {"ENDPOINT": httpx.Response(500)},
        {"ENDPOINT": httpx.Response(429)},
        {"ENDPOINT": httpx.Response(200, text="<html>")},
        {"ENDPOINT": httpx.Response(200, json=[])},
    ],
)
def test_what_is_no_answer_is_an_outage(issuer, changed: Answers):
    asking, _ = issuer(**changed)
    with pytest.raises(PandaUnavailable):
        asking.grant(FORM)
