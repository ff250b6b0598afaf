"""How the outside's certificates are verified: alike on every Python (decision 43)."""

from __future__ import annotations

import ssl

from cryptography import x509


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
