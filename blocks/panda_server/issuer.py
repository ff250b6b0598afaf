"""The issuer of PanDA's tokens: which tokens a VO takes, and grants of new ones.

Its address comes from PanDA itself (``/auth/<VO>_auth_config.json``), as panda-client finds it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.outside_calls import System, counted
from blocks.panda_server.client import origin_of
from blocks.panda_server.errors import PandaUnavailable, TokenRefused
from blocks.panda_server.identity import Identity
from blocks.panda_server.trust import trust

_CONFIG_SECONDS = 3600.0
_PAUSE_SECONDS = 30.0
_LONGEST_DETAIL = 200
_LATER_STATUS = (408, 425, 429)
_LIKE_A_TOKEN = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


class AuthConfig(BaseModel):
    """Which tokens PanDA takes for a VO, and where they come from."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    oidc_config_url: str
    client_id: str
    client_secret: str | None = Field(None, repr=False)
    audience: str | None = None
    jwt_profile: str | None = None

    @property
    def issuer_host(self) -> str:
        """Host of the issuer."""
        return (urlsplit(self.oidc_config_url).hostname or "").lower()

    def foreignness(self, identity: Identity) -> str | None:
        """In which way a token is not one that PanDA takes; None of one that is, or may be."""
        if identity.issuer_host and identity.issuer_host != self.issuer_host:
            return f"it is of {identity.issuer_host}, and PanDA takes those of {self.issuer_host}"
        wanted = {self.client_id, self.audience or self.client_id}
        if identity.audiences and wanted.isdisjoint(identity.audiences):
            audiences = ", ".join(identity.audiences)
            return f"it is for {audiences}, and PanDA takes those for {', '.join(sorted(wanted))}"
        return None


class Issuer:
    """The issuer that PanDA at one address trusts for one VO."""

    def __init__(
        self, server_url: str, vo: str, *, ca: Path | None = None, timeout_seconds: float = 10.0
    ) -> None:
        self._server_url = server_url
        self._config_url = f"{origin_of(server_url)}/auth/{quote(vo, safe='')}_auth_config.json"
        self._ca = ca
        self._timeout_seconds = timeout_seconds
        self._config: AuthConfig | None = None
        self._asked_at = 0.0
        self._outage: PandaUnavailable | None = None

    def config(self) -> AuthConfig:
        """The VO's configuration, not older than an hour; after an outage PanDA gets a pause.

        Raises:
            PandaUnavailable: PanDA does not give it, now or half a minute ago.
        """
        age_seconds = time.monotonic() - self._asked_at
        if self._config is not None and age_seconds < _CONFIG_SECONDS:
            return self._config
        if self._outage is not None and age_seconds < _PAUSE_SECONDS:
            raise PandaUnavailable(str(self._outage))
        try:
            self._config, self._outage = self._fetch_config(), None
        except PandaUnavailable as outage:
            self._outage = outage
            raise
        finally:
            self._asked_at = time.monotonic()
        return self._config

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Ask the token endpoint; return its answer, with ``id_token`` or ``access_token``.

        The client's id and secret are added where `form` has none.

        Raises:
            TokenRefused: The issuer does not grant it, or would be asked without TLS.
            PandaUnavailable: The issuer, or PanDA that names it, does not answer.
        """
        config = self.config()
        own = {"client_id": config.client_id, "client_secret": config.client_secret or ""}
        data = {**own, **form}
        response = self._exchange("POST", self._token_endpoint(config), data=data)
        if response.is_client_error and response.status_code not in _LATER_STATUS:
            secrets = (data["client_secret"], data.get("refresh_token", ""))
            detail = _detail(response, secrets)
            raise TokenRefused(f"{config.issuer_host} refused: {detail}")
        answer = _json_of(response)
        if not isinstance(answer, dict):
            raise PandaUnavailable(f"{config.issuer_host} gave no token")
        return answer

    def _fetch_config(self) -> AuthConfig:
        try:
            body = _json_of(self._exchange("GET", self._config_url))
            return AuthConfig.model_validate(body)
        except ValidationError:
            raise PandaUnavailable(f"{self._config_url} holds no configuration") from None

    def _token_endpoint(self, config: AuthConfig) -> str:
        discovery = _json_of(self._exchange("GET", config.oidc_config_url))
        endpoint = discovery.get("token_endpoint") if isinstance(discovery, dict) else None
        if not isinstance(endpoint, str):
            raise PandaUnavailable(f"{config.oidc_config_url} names no token endpoint")
        is_secure = endpoint.startswith("https://")
        if not is_secure and not self._server_url.startswith("http://"):
            raise TokenRefused(f"the token endpoint {endpoint} is no https:// URL")
        return endpoint

    def _exchange(self, method: str, url: str, **parts: Any) -> httpx.Response:
        context = trust(self._ca, url, and_system=True)
        try:
            with (
                counted(System.PANDA_ISSUER),
                httpx.Client(verify=context, timeout=self._timeout_seconds) as client,
            ):
                return client.request(method, url, headers={"Accept": "application/json"}, **parts)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise PandaUnavailable(f"no answer from {url}: {reason}") from error


def _json_of(response: httpx.Response) -> Any:
    if not response.is_success:
        raise PandaUnavailable(f"{response.url} answers HTTP {response.status_code}")
    try:
        return response.json()
    except ValueError:
        raise PandaUnavailable(f"{response.url} gave no JSON") from None


def _detail(response: httpx.Response, secrets: Sequence[str]) -> str:
    """What a refusal says; issuers like to repeat the token that they refuse."""
    try:
        body = response.json()
        text = ": ".join(str(body[key]) for key in ("error", "error_description") if key in body)
    except (ValueError, TypeError):
        text = response.text
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    text = _LIKE_A_TOKEN.sub("…", " ".join(text.split()))
    return text[:_LONGEST_DETAIL] or f"HTTP {response.status_code}"
