"""Requests to one Rucio server, in the name of one identity; nothing is followed or repeated."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from blocks.outside_calls import counted
from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.answers import BROKEN, RucioAnswer
from blocks.rucio_catalog.certificates import failure_of
from blocks.rucio_catalog.deadline import Deadline
from blocks.rucio_catalog.errors import RucioUnavailable
from blocks.rucio_catalog.tokens import TOKEN_HEADER, Tokens
from blocks.tls import without_strict_form

_UNAUTHORIZED = 401


class RucioConnection:
    """For one thread; connections are kept between requests."""

    def __init__(self, access: RucioAccess, tokens: Tokens) -> None:
        self.origin = access.origin
        self._access = access
        self._tokens = tokens
        self._session = _session()

    def close(self) -> None:
        """Close what is kept."""
        self._session.close()

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **parts: Any
    ) -> RucioAnswer:
        """Ask with a token, and once more with a new one when Rucio refuses it.

        Raises:
            RucioUnauthorized, RucioUnavailable, RucioRefused: as the answer's status says.
            ProxyUnusable: a token is needed, and the proxy is no good.
        """
        with counted(self._access.system):
            return self._exchange(method, url, headers or {}, **parts)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], **parts: Any
    ) -> RucioAnswer:
        token = self._tokens.current(self._grant)
        answer = self._ask(method, url, {**headers, TOKEN_HEADER: token}, **parts)
        if answer.status_code == _UNAUTHORIZED:
            answer.close()
            token = self._tokens.renew(token, self._grant)
            answer = self._ask(method, url, {**headers, TOKEN_HEADER: token}, **parts)
        answer.require_success()
        return answer

    def ping(self) -> str:
        """The server's version; no identity is shown to it.

        Raises:
            RucioUnavailable, RucioRefused: as the answer's status says, or it is none of Rucio's.
        """
        with counted(self._access.system):
            answer = self._ask("GET", f"{self.origin}/ping", {})
            answer.require_success()
        for row in answer.rows():
            return str(row.get("version")) if isinstance(row, dict) else str(row)
        raise RucioUnavailable(f"{self.origin}/ping gave nothing")

    def _grant(
        self, path: str, headers: Mapping[str, str], proxy: Path | None
    ) -> Mapping[str, str]:
        # A connection on which a client certificate was shown must not serve other requests.
        with _session() as self_contained:
            url, certificate = f"{self.origin}/{path}", str(proxy) if proxy else None
            answer = self._ask("GET", url, headers, session=self_contained, cert=certificate)
            answer.require_success()
            answer.close()
            return answer.headers

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        session: requests.Session | None = None,
        **parts: Any,
    ) -> RucioAnswer:
        deadline = Deadline(self._access.timeout_seconds)
        own = {"X-Rucio-Account": self._access.account, "User-Agent": "prodops"}
        if self._access.vo:
            own["X-Rucio-VO"] = self._access.vo
        wanted = {
            **parts,
            "headers": own | {**headers},
            "stream": True,
            "allow_redirects": False,
            "timeout": self._access.timeout_seconds,
            "verify": str(self._access.ca_file) if self._access.ca_file else True,
        }
        return RucioAnswer(self._send(session or self._session, method, url, **wanted), deadline)

    def _send(
        self, session: requests.Session, method: str, url: str, **wanted: Any
    ) -> requests.Response:
        try:
            try:
                return session.request(method, url, **wanted)
            except requests.ConnectionError as error:
                if not _was_closed(error):
                    raise
                return session.request(method, url, **wanted)
        except BROKEN as error:
            raise failure_of(error, self.origin, wanted.get("cert")) from error


class _Adapter(HTTPAdapter):
    """requests' own, but for the TLS context; of one session, since it keeps the client's proxy."""

    def __init__(self) -> None:
        super().__init__()
        self._context = without_strict_form(create_urllib3_context())

    def build_connection_pool_key_attributes(
        self, *request: Any, **more: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, pool = super().build_connection_pool_key_attributes(*request, **more)
        return host, {**pool, "ssl_context": self._context}


def _session() -> requests.Session:
    session = requests.Session()
    session.mount("https://", _Adapter())
    return session


def _was_closed(error: BaseException | None) -> bool:
    """Whether the server had closed a connection that was kept, and read nothing of the request."""
    while error is not None and not isinstance(error, http.client.RemoteDisconnected):
        error = error.__cause__ or error.__context__
    return error is not None
