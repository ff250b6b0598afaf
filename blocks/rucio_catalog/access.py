"""Where a Rucio catalogue is, and as whom it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from blocks.outside_calls import System
from blocks.rucio_catalog.errors import RucioUnauthorized

AuthType = Literal["x509_proxy", "userpass", "token"]
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class RucioAccess:
    """One catalogue and one identity.

    Attributes:
        url: ``https://host:port``; ``http://`` is taken on loopback only.
        vo: virtual organisation of a server that has several; None: none is named.
        proxy_file: x509 proxy (mode 0600), for ``x509_proxy``.
        username: for ``userpass``, with password_file.
        password_file: (mode 0600).
        token_file: file (mode 0600) with a token, for ``token``.
        ca_file: CA certificates, a file or a directory as ``openssl rehash`` leaves it; None:
            certifi's.
        timeout_seconds: how long one request may take, its whole answer included.
        system: as what its calls are counted.
    """

    url: str
    account: str
    auth_type: AuthType = "userpass"
    vo: str | None = None
    proxy_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 60.0
    system: System = System.RUCIO

    @property
    def origin(self) -> str:
        """The address without a trailing slash.

        Raises:
            RucioUnauthorized: A credential would travel without TLS.
        """
        parts = urlsplit(self.url)
        if parts.scheme == "https" or parts.hostname in _LOOPBACK:
            return self.url.rstrip("/")
        raise RucioUnauthorized(f"the address {self.url!r} is no https:// URL")
