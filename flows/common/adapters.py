"""The adapters of a run: PanDA, PCS, Rucio's catalogs and XRootD doors, as they are configured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from blocks.configuration import PathUnusable
from blocks.outside_calls import System
from blocks.panda_server.configuration import PandaConfiguration
from blocks.pcs_service import PcsService
from blocks.pcs_service.configuration import PcsConfiguration
from blocks.rucio_catalog import RucioAccess, RucioCatalog
from blocks.rucio_catalog.configuration import RucioConfiguration
from blocks.x509_proxy.configuration import ProxyConfiguration
from blocks.xrootd_storage.configuration import XrootdConfiguration
from flows.common.outsides import PANDA, PCS, PROXY, RUCIO_LOGS, RUCIO_PRODUCED, XROOTD
from flows.common.settings import BadSetting, Settings
from flows.common.sources import Sources


def panda(sources: Sources) -> PandaConfiguration:
    """The PanDA server's configuration.

    Raises:
        BadSetting, OutsideUnavailable: As :meth:`Sources.configuration`.
    """
    return sources.configuration(PANDA, PandaConfiguration)


def rucio_logs(sources: Sources) -> RucioConfiguration:
    """The configuration of the Rucio that knows PanDA's logs; raises as :func:`panda`."""
    return sources.configuration(RUCIO_LOGS, RucioConfiguration)


def rucio_produced(sources: Sources) -> RucioConfiguration:
    """The configuration of the Rucio of produced data; raises as :func:`panda`."""
    return sources.configuration(RUCIO_PRODUCED, RucioConfiguration)


def xrootd(sources: Sources) -> XrootdConfiguration:
    """How XRootD doors are read from; raises as :func:`panda`."""
    return sources.configuration(XROOTD, XrootdConfiguration)


def pcs(sources: Sources) -> PcsConfiguration:
    """The configuration of the PCS, else of the stack's own; raises as :func:`panda`."""
    return sources.configuration(PCS, PcsConfiguration)


def proxy_file(sources: Sources) -> Path | None:
    """The x509 proxy of whatever has none of its own; None: there is none."""
    if not sources.has(PROXY):
        return None
    return sources.configuration(PROXY, ProxyConfiguration).proxy_file


def logs_access(sources: Sources, *, timeout_seconds: float | None = None) -> RucioAccess:
    """The Rucio of PanDA's logs, and who we are there.

    Args:
        sources: Where the configurations come from.
        timeout_seconds: How long a call may take, where that is less than is set.

    Raises:
        BadSetting: Rucio wants an x509 proxy, and none is set; or as :func:`panda`.
    """
    configured = rucio_logs(sources)
    proxy = configured.proxy_file or proxy_file(sources)
    if proxy is None and configured.auth_type == "x509_proxy":
        raise BadSetting("setting PRODOPS_RUCIO_LOGS_PROXY_FILE: no x509 proxy is set")
    access = configured.access(proxy_file=proxy, timeout_seconds=timeout_seconds)
    return replace(access, system=System.RUCIO_LOGS)


def produced_access(sources: Sources) -> RucioAccess:
    """The Rucio of produced data, and who we are there; raises as :func:`panda`."""
    return replace(rucio_produced(sources).access(), system=System.RUCIO_PRODUCED)


def produced_catalog(settings: Settings, sources: Sources) -> RucioCatalog:
    """The catalog of what was produced, to read; to be closed; raises as :func:`panda`."""
    configured = settings.provenance
    return RucioCatalog(
        produced_access(sources),
        threads=configured.threads,
        dids_per_call=configured.dids_per_call,
    )


def pcs_service(sources: Sources) -> PcsService:
    """The PCS; to be closed.

    Raises:
        BadSetting: Its token cannot be read; or as :func:`panda`.
    """
    try:
        return pcs(sources).service()
    except PathUnusable as error:
        raise BadSetting(f"setting PRODOPS_PCS_TOKEN_FILE: {error}") from error
