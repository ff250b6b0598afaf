"""No connection to this machine or to a cloud's metadata, and no redirect followed.

The address is looked at as it is connected to, not before: what a name resolves to may change in
between. For a process that does nothing but hand one message over.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from blocks.notification_channel.errors import ChannelRefused

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Where clouds answer with credentials and user data, beside the link-local addresses.
_METADATA: Final = frozenset(
    ipaddress.ip_address(each)
    for each in (
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
        "fd00:42::42",  # Scaleway
        "fd00:ec2::23",  # Amazon, of its containers
        "fd00:ec2::254",  # Amazon
        "fd20:ce::254",  # Google
    )
)
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
_EMBEDDING: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, as of old
)
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


class AddressRefused(ChannelRefused):
    """A channel leads to an address that none may lead to."""


def is_refused(text: str) -> bool:
    """Whether no channel may lead to that IP address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = _inner(address)
    return (
        inner.is_loopback
        or inner.is_link_local
        or inner.is_unspecified
        or inner.is_multicast
        or inner in _THIS_NETWORK
        or inner in _METADATA
    )


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in each for each in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def guard_sockets() -> None:
    """Refuse such addresses in this process from now on, but for those of its HTTP proxies."""
    proxies = frozenset(_proxy_addresses())
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    send: Any = socket.socket.sendto

    def guarded(sock: socket.socket, address: Any) -> Any:
        return connect(sock, _checked(sock, address, proxies))

    def guarded_ex(sock: socket.socket, address: Any) -> Any:
        return connect_ex(sock, _checked(sock, address, proxies))

    def guarded_sendto(sock: socket.socket, data: Any, *rest: Any) -> Any:
        return send(sock, data, *rest[:-1], _checked(sock, rest[-1], proxies))

    socket.socket.connect = guarded  # type: ignore[assignment,method-assign]
    socket.socket.connect_ex = guarded_ex  # type: ignore[assignment,method-assign]
    socket.socket.sendto = guarded_sendto  # type: ignore[assignment,method-assign]


def _checked(sock: socket.socket, address: Any, proxies: frozenset[tuple[str, int]]) -> Any:
    """The address, if it may be connected to; a name as the address that it resolves to now.

    Raises:
        AddressRefused: It may not.
    """
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        raise AddressRefused("the channel leads to this machine, which is not allowed")
    host, port = address[0], address[1]
    found = socket.getaddrinfo(host, port, sock.family, sock.type)[0][4]
    text = str(found[0])
    if (text, port) not in proxies and is_refused(text):
        raise AddressRefused(
            f"the channel leads to {text}, which is not allowed "
            "(PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES)"
        )
    return found


def require_target(host: str) -> None:
    """See that a host behind an HTTP proxy is none that may not be reached.

    The proxy connects, so this looks before it does; it is the proxy that must hold to it.

    Raises:
        AddressRefused: It is one.
    """
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return  # the proxy may know it
    if any(is_refused(str(each[4][0])) for each in found):
        raise AddressRefused(
            f"the channel leads to {host}, which is not allowed "
            "(PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES)"
        )


def has_proxies() -> bool:
    """Whether HTTP goes through a proxy."""
    return any(_proxy_urls())


def _proxy_urls() -> list[str]:
    names = [*_PROXIES, *(each.upper() for each in _PROXIES)]
    return [os.environ[name] for name in names if os.environ.get(name)]


def _proxy_addresses() -> list[tuple[str, int]]:
    found = []
    for url in _proxy_urls():
        parts = urlsplit(url if "//" in url else f"//{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            known = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        found += [(str(each[4][0]), port) for each in known]
    return found


def forbid_redirects() -> None:
    """Follow no redirect in this process, whichever client is used."""
    import requests  # noqa: PLC0415 - only the process that hands over needs it

    def nowhere(*_: Any, **__: Any) -> None:
        return None

    requests.sessions.SessionRedirectMixin.get_redirect_target = nowhere  # type: ignore[method-assign]
    urllib.request.HTTPRedirectHandler.redirect_request = nowhere  # type: ignore[method-assign]
