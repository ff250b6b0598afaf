"""How the outside's certificates are verified: alike on every Python (decision 43)."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

import certifi
import httpx
from cryptography import x509


def trust(url: str) -> ssl.SSLContext:
    """The context for an HTTP client of that address: the usual authorities, of any form.

    Those that SSL_CERT_FILE or SSL_CERT_DIR name, else certifi's. To read them takes 30 ms, so one
    context serves a process until their file changes, and none are read for a plain http address.
    """
    if not url.lower().startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    named = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    path = Path(named[0] or named[1] or certifi.where())
    return _usual(named, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=2)
def _usual(_named: tuple[str | None, ...], _changed_ns: int) -> ssl.SSLContext:
    return without_strict_form(httpx.create_ssl_context())


def without_strict_form(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, which still verifies the chain, the host's name and the dates.

    Since Python 3.13 the usual contexts also want RFC 5280's form to the letter. Certificate
    authorities of the grid and of laboratories are older than that, or made by hand: without key
    usage or key identifiers, with basic constraints that are not critical.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def presented_certificate(
    host: str, port: int, *, timeout_seconds: float
) -> x509.Certificate | None:
    """The certificate that a server presents, to say what is wrong with it; nothing is verified.

    None where it presents none, or none that can be read.
    """
    try:
        shown = ssl.get_server_certificate((host, port), timeout=timeout_seconds)
        return x509.load_pem_x509_certificate(shown.encode())
    except (OSError, ValueError):
        return None
