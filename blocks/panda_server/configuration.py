"""What it takes to reach a PanDA server: the fields of its block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration, HttpAddress
from blocks.panda_server.client import PandaServer, origin_of
from blocks.panda_server.tokens import CachedToken, RobotToken, TokenSource


class PandaConfiguration(Configuration):
    """A PanDA server, and the identity used there."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"robot_secret_file"})

    url_ssl: HttpAddress = Field(
        description="PanDA server, as prun's PANDA_URL_SSL; its path part is ignored."
    )
    url: HttpAddress | None = Field(
        None, description="PanDA server without TLS, as prun's PANDA_URL; unset: as url_ssl."
    )
    cache_url: HttpAddress | None = Field(
        None, description="Cache server, as prun's PANDACACHE_URL; unset: as url_ssl."
    )
    auth_vo: str = Field(
        "EIC.production",
        min_length=1,
        description="Virtual organisation and role that the token is used for.",
    )
    config_root: AbsolutePath = Field(
        Path("~/.pathena"),
        validate_default=True,
        description="Directory that holds .token, the cached OIDC token (mode 0600).",
    )
    ca_dir: AbsolutePath | None = Field(
        None,
        description="Directory of CA certificates (openssl rehash) that PanDA's is checked "
        "against; unset: /etc/grid-security/certificates.",
    )
    client_dir: AbsolutePath | None = Field(
        None, description="Where panda-client is installed (bin/prun); unset: with prodops."
    )
    user_name: str | None = Field(
        None,
        description="userName under which PanDA stores our tasks; unset: the name in the token.",
    )
    robot_client_id: str | None = Field(
        None,
        description="Client id of a robot account: its token comes by the client-credentials "
        "grant instead of from .token.",
    )
    robot_secret_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with the robot account's client secret."
    )
    former_urls: tuple[HttpAddress, ...] = Field(
        (),
        description="Other addresses of the same PanDA server: ids that were recorded there are "
        "still its own.",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="How long a look-up at PanDA may take.")

    @property
    def origins(self) -> tuple[str, ...]:
        """The server's origin, and those that it had before: ids that were given there are ours."""
        return tuple(origin_of(url) for url in (self.url_ssl, *self.former_urls))

    def token_source(self, *, margin_seconds: float) -> TokenSource:
        """Where the token comes from; it is good for at least `margin_seconds`."""
        if self.robot_client_id is not None:
            return RobotToken(
                self.robot_client_id,
                self.robot_secret_file,
                server_url=self.url_ssl,
                vo=self.auth_vo,
                ca=self.ca_dir,
                margin_seconds=margin_seconds,
            )
        return CachedToken(
            self.config_root,
            server_url=self.url_ssl,
            vo=self.auth_vo,
            ca=self.ca_dir,
            margin_seconds=margin_seconds,
        )

    def server(
        self, token: Callable[[], str], *, timeout_seconds: float | None = None
    ) -> PandaServer:
        """The server; to be closed.

        Args:
            token: Gives a token that is good now.
            timeout_seconds: How long a look-up may take, where that is less than is set.
        """
        longest = self.timeout_seconds
        return PandaServer(
            self.url_ssl,
            token,
            vo=self.auth_vo,
            ca=self.ca_dir,
            timeout_seconds=min(longest, timeout_seconds or longest),
        )
