"""Rucio's catalogues and the doors of storage, as the settings tell."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from blocks.rucio_catalog import AuthType, RucioAccess
from blocks.xrootd_storage import XrootdAccess, XrootdLimits
from flows.common.settings import BadSetting, RucioSettings, XrootdSettings


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
