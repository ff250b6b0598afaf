"""The PanDA server and the tokens for it, as the settings tell."""

from __future__ import annotations

from collections.abc import Callable

from blocks.panda_server import CachedToken, PandaServer, RobotToken, TokenSource
from flows.common.settings import BadSetting, PandaSettings


def panda_url(configured: PandaSettings) -> str:
    """Address of the PanDA server.

    Raises:
        BadSetting: It is not set.
    """
    if configured.url_ssl is None:
        raise BadSetting("setting PANDA_URL_SSL: no PanDA server is set")
    return configured.url_ssl


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
