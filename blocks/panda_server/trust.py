"""Whose certificates are trusted when PanDA and the issuer of its tokens are spoken to."""

from __future__ import annotations

import ssl
from pathlib import Path

from blocks.tls import without_strict_form

GRID_CERTIFICATES = Path("/etc/grid-security/certificates")
"""Where panda-client 2.2.0 looks unless X509_CERT_DIR says otherwise."""


def trust(ca: Path | None, url: str, *, and_system: bool = False) -> ssl.SSLContext:
    """The TLS context for `url`.

    Args:
        ca: directory of CA certificates, as ``openssl rehash`` leaves it; unset: the grid's where
            there is one, else the system's.
        url: for http:// no certificate is read: that takes time, and is of no use.
        and_system: whether the system's are trusted as well. Issuers are often known to the
            system alone.
    """
    if url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    directory = ca or (GRID_CERTIFICATES if GRID_CERTIFICATES.is_dir() else None)
    context = without_strict_form(ssl.create_default_context(capath=directory))
    if and_system:
        context.load_default_certs()
    return context
