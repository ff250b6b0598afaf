"""Where an x509 proxy is: the field of its block."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration


class ProxyConfiguration(Configuration):
    """The x509 proxy for the Rucio of PanDA's logs and for storage doors."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"proxy_file"})

    proxy_file: AbsolutePath = Field(
        description="x509 proxy with its key and its chain, in PEM (mode 0600)."
    )
