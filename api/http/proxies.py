"""What a trusted proxy in front tells of the caller's side, and what one of its kinds can serve."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from fastapi import Request
from starlette.requests import HTTPConnection

from api.http.sessions import settings_of

_BROWSERS_OWN: Final = ("accept-language", "authorization", "cookie", "sec-fetch-mode")


def is_trusted(connection: HTTPConnection, proxies: tuple[str, ...]) -> bool:
    """Whether the peer is one of these addresses and networks."""
    if connection.client is None:
        return False
    try:
        peer = ipaddress.ip_address(connection.client.host)
    except ValueError:
        return False
    # A socket that serves both kinds of addresses shows IPv4 ones as ::ffff:a.b.c.d.
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in _networks(proxies))


def is_secure(request: Request) -> bool:
    """Whether the caller came by TLS: to us, or to a trusted proxy that says so."""
    if request.scope["scheme"] == "https":
        return True
    # What a proxy adds stands last; the caller may have sent the rest.
    told = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    return told == "https" and is_trusted(request, settings_of(request).api.trusted_proxies)


def is_external(request: Request) -> bool:
    """Whether the caller came by the site's external proxy, which drops all that a browser sends.

    It names the user and the type of a body, and nothing else: no cookie, no token, no language
    (ops contract section 4.4). Whoever else calls like that may do without the links it lacks.
    """
    sent = request.headers
    return (
        "x-remote-user" in sent
        and not any(name in sent for name in _BROWSERS_OWN)
        and "text/html" not in sent.get("accept", "")
        and is_trusted(request, settings_of(request).api.trusted_proxies)
    )


def serves(request: Request, path: str) -> bool:
    """Whether the proxy that the caller came by passes on `path`, as it is without the prefix."""
    if not is_external(request):
        return True
    return path.startswith(settings_of(request).api.external_paths)


@lru_cache
def _networks(
    names: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(name) for name in names)
