"""As whom a storage door is spoken to, and how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from blocks.xrootd_storage.errors import UnsupportedScheme

REMOTE_SCHEMES = ("root", "roots")
LOCAL_SCHEME = "file"


@dataclass(frozen=True, kw_only=True)
class XrootdAccess:
    """Identity and trust, and which URLs are read.

    Attributes:
        proxy_file: x509 proxy; None: only doors without authentication.
        ca_dir: CA certificates as ``openssl rehash`` leaves them; None: the grid's.
        schemes: ``root``, ``roots``, and ``file`` for the sandbox's plain-file door.
    """

    proxy_file: Path | None = None
    ca_dir: Path | None = None
    schemes: tuple[str, ...] = REMOTE_SCHEMES

    def scheme_of(self, url: str) -> str:
        """The URL's scheme, if it is read here.

        Raises:
            UnsupportedScheme: It is not.
        """
        parts = urlsplit(url)
        is_placed = bool(parts.hostname) if parts.scheme != LOCAL_SCHEME else bool(parts.path)
        if parts.scheme not in self.schemes or not is_placed or not url.isprintable():
            scheme = f"{parts.scheme}, and " if parts.scheme else ""
            raise UnsupportedScheme(url, f"it is {scheme}read are {', '.join(self.schemes)}")
        return parts.scheme

    def environment(self) -> Mapping[str, str]:
        """What the GSI of XRootD's client reads; an absent proxy is not looked for elsewhere."""
        shown = {"X509_USER_PROXY": str(self.proxy_file or "/dev/null")}
        if self.ca_dir is not None:
            shown["X509_CERT_DIR"] = str(self.ca_dir)
        return shown


@dataclass(frozen=True, kw_only=True)
class XrootdLimits:
    """How long things may take; the defaults end every fault that was measured within 16 s.

    Attributes:
        connection_window_seconds: XRD_CONNECTIONWINDOW, one try to connect.
        connection_retries: XRD_CONNECTIONRETRY.
        request_timeout_seconds: XRD_REQUESTTIMEOUT, one answer.
        stream_timeout_seconds: XRD_STREAMTIMEOUT, a silent connection.
        stall_seconds: a copy without progress is ended.
        wall_seconds: the whole operation.
    """

    connection_window_seconds: int = 5
    connection_retries: int = 1
    request_timeout_seconds: int = 10
    stream_timeout_seconds: int = 10
    stall_seconds: float = 12.0
    wall_seconds: float = 120.0

    def environment(self) -> Mapping[str, str]:
        """What XRootD's client reads; its defaults wait for eight minutes at a closed door."""
        return {
            "XRD_CONNECTIONWINDOW": str(self.connection_window_seconds),
            "XRD_CONNECTIONRETRY": str(self.connection_retries),
            "XRD_REQUESTTIMEOUT": str(self.request_timeout_seconds),
            "XRD_STREAMTIMEOUT": str(self.stream_timeout_seconds),
            "XRD_STREAMERRORWINDOW": str(self.connection_window_seconds),
            "XRD_TIMEOUTRESOLUTION": "1",
        }
