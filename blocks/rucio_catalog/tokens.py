"""The token that a Rucio server gives for an identity; shared by the threads of a catalogue."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.errors import RucioUnauthorized, RucioUnavailable
from blocks.x509_proxy import good_proxy

GrantRequest = Callable[[str, Mapping[str, str], Path | None], Mapping[str, str]]
"""Asks ``/auth/...`` with headers and a client certificate; gives the answer's headers."""

TOKEN_HEADER = "X-Rucio-Auth-Token"  # noqa: S105 - a header's name


class Tokens:
    """The token in use; it stays in memory, where rucio-clients would leave it in /tmp."""

    def __init__(self, access: RucioAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._token = ""

    def current(self, ask: GrantRequest) -> str:
        """The token, got now if there is none; raises as :meth:`renew`."""
        with self._lock:
            if not self._token:
                self._token = self._grant(ask)
            return self._token

    def renew(self, refused: str, ask: GrantRequest) -> str:
        """Another token than the one that Rucio refused: another thread may have it already.

        Raises:
            RucioUnauthorized: Rucio gives none to this identity.
            ProxyUnusable: The proxy is absent, expired or unreadable.
            RucioUnavailable: Rucio does not answer.
        """
        with self._lock:
            if self._token == refused:
                self._token = ""
                self._token = self._grant(ask)
            if self._token == refused:
                raise RucioUnauthorized("the token is refused")
            return self._token

    def _grant(self, ask: GrantRequest) -> str:
        access = self._access
        if access.auth_type == "token":
            return _secret(access.token_file, "token")
        if access.auth_type == "x509_proxy":
            answered = ask("auth/x509_proxy", {}, _proxy(access))
        else:
            username = access.username or access.account
            password = _secret(access.password_file, "password")
            shown = {"X-Rucio-Username": username, "X-Rucio-Password": password}
            answered = ask("auth/userpass", shown, None)
        token = answered.get(TOKEN_HEADER)
        if not token:
            raise RucioUnavailable(f"{access.url} gave no token")
        return token


def _proxy(access: RucioAccess) -> Path:
    if access.proxy_file is None:
        raise RucioUnauthorized("no x509 proxy is set")
    return good_proxy(access.proxy_file).path


def _secret(path: Path | None, what: str) -> str:
    """The only line of a file that nobody else may read."""
    if path is None:
        raise RucioUnauthorized(f"no file with the {what} is set")
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise RucioUnauthorized(f"the {what} file {path} cannot be read: {reason}") from error
    if mode & 0o077:
        raise RucioUnauthorized(
            f"the {what} file {path} may be read by others (mode {mode:04o}): chmod 600"
        )
    if not secret or not secret.isascii() or not secret.isprintable():
        raise RucioUnauthorized(f"the {what} file {path} holds no {what}")
    return secret
