"""Checks of a PanDA server: whether it answers, and whether there is a token for it."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.checks import Check, of_paths
from blocks.panda_server.configuration import PandaConfiguration


def checks(configuration: PandaConfiguration) -> Iterator[Check]:
    """The checks of the server and of the identity used there."""
    yield of_paths(configuration)
    yield Check("is alive", lambda: _is_alive(configuration))
    yield Check("token", lambda: _token(configuration))


def _is_alive(configuration: PandaConfiguration) -> str:
    with configuration.server(lambda: "") as server:
        return f"{server.origin} says {server.is_alive()}"


def _token(configuration: PandaConfiguration) -> str:
    identity = configuration.token_source(margin_seconds=0.0).identity()
    groups = ", ".join(identity.groups) or "none"
    return f"of {identity.name}, groups {groups}; it {identity.expiry}"
