"""What it takes to reach a Rucio server: the fields of its block."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from blocks.configuration import AbsolutePath, Configuration, HttpAddress
from blocks.rucio_catalog.access import AuthType, RucioAccess


class RucioConfiguration(Configuration):
    """A Rucio server, and the identity used there."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"proxy_file", "password_file", "token_file"})

    url: HttpAddress = Field(description="Address of the Rucio server.")
    auth_type: AuthType = Field(
        "userpass", description="How prodops authenticates: x509_proxy, userpass or token."
    )
    account: str = Field("eicread", max_length=25, description="Rucio account.")
    vo: str | None = Field(None, max_length=25, description="Virtual organisation; unset: none.")
    proxy_file: AbsolutePath | None = Field(
        None, description="x509 proxy (mode 0600), for x509_proxy; unset: that of the x509 proxy."
    )
    username: str = Field("eicread", description="User name, for userpass.")
    password_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with the password, for userpass."
    )
    token_file: AbsolutePath | None = Field(
        None, description="File (mode 0600) with a token, for token."
    )
    ca_file: AbsolutePath | None = Field(
        None,
        description="CA certificates that the server's is checked against; unset: certifi's.",
    )
    timeout_seconds: float = Field(60.0, gt=0, description="How long one call to Rucio may take.")

    def access(
        self, *, proxy_file: Path | None = None, timeout_seconds: float | None = None
    ) -> RucioAccess:
        """Where the catalogue is, and who we are there.

        Args:
            proxy_file: The x509 proxy, where the server has none of its own.
            timeout_seconds: How long a call may take, where that is less than is set.
        """
        longest = self.timeout_seconds
        return RucioAccess(
            url=self.url,
            account=self.account,
            auth_type=self.auth_type,
            vo=self.vo or None,
            proxy_file=self.proxy_file or proxy_file,
            username=self.username,
            password_file=self.password_file,
            token_file=self.token_file,
            ca_file=self.ca_file,
            timeout_seconds=min(longest, timeout_seconds or longest),
        )
