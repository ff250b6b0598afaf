"""Adapters to the outside, made of the settings: PanDA, PCS, Rucio's catalogues, XRootD doors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from blocks.panda_server import CachedToken, PandaServer, RobotToken, TokenSource, origin_of
from blocks.pcs_service import PcsService
from blocks.rucio_catalog import AuthType, RucioAccess, RucioCatalog
from blocks.xrootd_storage import XrootdAccess, XrootdLimits
from flows.common.settings import (
    BadSetting,
    PandaSettings,
    RucioSettings,
    Settings,
    XrootdSettings,
)


def panda_url(configured: PandaSettings) -> str:
    """Address of the PanDA server.

    Raises:
        BadSetting: It is not set.
    """
    if configured.url_ssl is None:
        raise BadSetting("setting PANDA_URL_SSL: no PanDA server is set")
    return configured.url_ssl


def panda_origins(configured: PandaSettings) -> tuple[str, ...]:
    """The origin of the PanDA that is set, and those that it had before: its numbers are ours.

    Raises:
        BadSetting: It is not set.
    """
    return tuple(origin_of(url) for url in (panda_url(configured), *configured.former_urls))


def token_source(configured: PandaSettings, *, margin_seconds: float) -> TokenSource:
    """Where the token for PanDA comes from.

    Args:
        configured: The settings.
        margin_seconds: How long a token must still be good.

    Raises:
        BadSetting: No PanDA server is set.
    """
    url = panda_url(configured)
    if configured.robot_client_id is not None:
        return RobotToken(
            configured.robot_client_id,
            configured.robot_secret_file,
            server_url=url,
            vo=configured.auth_vo,
            ca=configured.ca_dir,
            margin_seconds=margin_seconds,
        )
    return CachedToken(
        configured.config_root,
        server_url=url,
        vo=configured.auth_vo,
        ca=configured.ca_dir,
        margin_seconds=margin_seconds,
    )


def panda_server(
    configured: PandaSettings, token: Callable[[], str], *, timeout_seconds: float | None = None
) -> PandaServer:
    """The PanDA server; to be closed.

    Args:
        configured: The settings.
        token: Gives a token that is good now.
        timeout_seconds: How long a look-up may take, where that is less than is set.

    Raises:
        BadSetting: No PanDA server is set.
    """
    longest = configured.timeout_seconds
    return PandaServer(
        panda_url(configured),
        token,
        vo=configured.auth_vo,
        ca=configured.ca_dir,
        timeout_seconds=min(longest, timeout_seconds or longest),
    )


def rucio_access(configured: RucioSettings, *, timeout_seconds: float | None = None) -> RucioAccess:
    """Where a catalogue is, and who we are there.

    Args:
        configured: The settings.
        timeout_seconds: How long a call may take, where that is less than is set.

    Raises:
        BadSetting: None is set.
    """
    if configured.url is None:
        name = f"{configured.model_config.get('env_prefix', '')}URL"
        raise BadSetting(f"setting {name}: no Rucio server is set")
    longest = configured.timeout_seconds
    return RucioAccess(
        url=configured.url,
        account=configured.account,
        auth_type=cast("AuthType", configured.auth_type),
        vo=configured.vo or None,
        proxy_file=configured.proxy_file,
        username=configured.username,
        password_file=configured.password_file,
        token_file=configured.token_file,
        ca_file=configured.ca_file,
        timeout_seconds=min(longest, timeout_seconds or longest),
    )


def produced_catalog(settings: Settings) -> RucioCatalog:
    """The catalogue of what was produced, to read; to be closed.

    Raises:
        BadSetting: None is set.
    """
    configured = settings.provenance
    return RucioCatalog(
        rucio_access(settings.rucio_produced),
        threads=configured.threads,
        dids_per_call=configured.dids_per_call,
    )


def door_access(configured: XrootdSettings, proxy_file: Path | None) -> XrootdAccess:
    """As whom doors are spoken to."""
    return XrootdAccess(proxy_file=proxy_file, ca_dir=configured.ca_dir, schemes=configured.schemes)


def door_limits(configured: XrootdSettings, *, seconds: float | None = None) -> XrootdLimits:
    """How long doors may take.

    Args:
        configured: The settings.
        seconds: For a copy as a whole, where that is less than is set.
    """
    longest = configured.copy_seconds
    return XrootdLimits(
        connection_window_seconds=configured.connection_window_seconds,
        connection_retries=configured.connection_retries,
        request_timeout_seconds=configured.request_timeout_seconds,
        stream_timeout_seconds=configured.stream_timeout_seconds,
        stall_seconds=configured.stall_seconds,
        wall_seconds=min(longest, seconds or longest),
    )


def pcs_service(settings: Settings) -> PcsService:
    """The PCS that is set, or the stack's own; to be closed.

    Raises:
        BadSetting: Its token cannot be read.
    """
    configured = settings.pcs
    return PcsService(
        configured.url or settings.api.monitor_url,
        token=_token(configured.token_file),
        timeout_seconds=configured.timeout_seconds,
    )


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"setting PRODOPS_PCS_TOKEN_FILE: {error}") from error
