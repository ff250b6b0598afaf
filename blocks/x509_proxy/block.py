"""The Prefect block of an x509 proxy."""

from __future__ import annotations

from prefect.blocks.core import Block

from blocks.x509_proxy.configuration import ProxyConfiguration


class X509ProxyBlock(ProxyConfiguration, Block):
    """The x509 proxy for PanDA's logs at Rucio and for storage doors."""

    _block_type_name = "x509 proxy"
    _block_type_slug = "x509-proxy"
    _description = "The x509 proxy for PanDA's logs at Rucio and for storage doors."
