"""Checks of a Rucio server: whether it answers, and whether it lets us in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blocks.checks import Check, of_paths
from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.catalog import RucioCatalog
from blocks.rucio_catalog.configuration import RucioConfiguration


def checks(configuration: RucioConfiguration, proxy_file: Path | None) -> Iterator[Check]:
    """The checks of the server and of the identity used there.

    Args:
        configuration: The server's.
        proxy_file: The x509 proxy, where the server has none of its own.
    """
    access = configuration.access(proxy_file=proxy_file)
    yield of_paths(configuration)
    yield Check("ping", lambda: _ping(access))
    yield Check("whoami", lambda: _whoami(access))


def _ping(access: RucioAccess) -> str:
    with RucioCatalog(access, threads=1) as catalog:
        return f"{access.origin} is Rucio {catalog.version()}"


def _whoami(access: RucioAccess) -> str:
    with RucioCatalog(access, threads=1) as catalog:
        return f"account {access.account}, {catalog.account_status()}"
