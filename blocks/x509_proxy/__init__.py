"""An x509 proxy (or certificate) in a file: whose it is, until when, and whether it may be used."""

from __future__ import annotations

from blocks.x509_proxy.proxy import (
    Proxy,
    ProxyExpired,
    ProxyIncomplete,
    ProxyMissing,
    ProxyNotYetValid,
    ProxyUnreadable,
    ProxyUnusable,
    good_proxy,
    read_proxy,
)

__all__ = [
    "Proxy",
    "ProxyExpired",
    "ProxyIncomplete",
    "ProxyMissing",
    "ProxyNotYetValid",
    "ProxyUnreadable",
    "ProxyUnusable",
    "good_proxy",
    "read_proxy",
]
