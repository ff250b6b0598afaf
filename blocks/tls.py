"""How the outside's certificates are verified: alike on every Python (decision 43)."""

from __future__ import annotations

import ssl


def without_strict_form(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, which still verifies the chain, the host's name and the dates.

    Since Python 3.13 the usual contexts also want RFC 5280's form to the letter. Certificate
    authorities of the grid and of laboratories are older than that, or made by hand: without key
    usage or key identifiers, with basic constraints that are not critical.
    """
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
