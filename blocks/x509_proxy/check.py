"""The check of an x509 proxy: its chain, and when it expires."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.checks import Check
from blocks.x509_proxy.configuration import ProxyConfiguration
from blocks.x509_proxy.proxy import good_proxy


def checks(configuration: ProxyConfiguration) -> Iterator[Check]:
    """The check of the proxy."""
    yield Check("proxy", lambda: _proxy(configuration))


def _proxy(configuration: ProxyConfiguration) -> str:
    proxy = good_proxy(configuration.proxy_file)
    length = len(proxy.chain)
    return (
        f"{proxy.subject}, {length} certificates; it expires at "
        f"{proxy.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    )
