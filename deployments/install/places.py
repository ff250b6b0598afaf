"""Where an installation keeps what: every path below its prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The files and directories below `prefix`, which is `/` for the system's usual places."""

    prefix: Path

    @property
    def etc(self) -> Path:
        """The record, and a directory for each side; root's, so that no part can replace them."""
        return self.prefix / "etc/prodops"

    @property
    def ops_etc(self) -> Path:
        """Settings and secrets of the operations side: root's, and its group may enter."""
        return self.etc / "ops"

    @property
    def web_etc(self) -> Path:
        """Settings and secrets of the web tier: root's, and its group may enter."""
        return self.etc / "web"

    @property
    def units(self) -> Path:
        """The units; systemd finds them where the prefix is `/`."""
        return self.prefix / "etc/systemd/system"

    @property
    def ops_state(self) -> Path:
        """State of the operations side, which is its user's alone."""
        return self.prefix / "var/lib/prodops"

    @property
    def web_state(self) -> Path:
        """State of the web tier, which is its user's alone."""
        return self.prefix / "var/lib/prodops-web"

    @property
    def public(self) -> Path:
        """What the operations side publishes, and everybody reads."""
        return self.prefix / "var/lib/prodops-public"

    @property
    def manifest(self) -> Path:
        """What was made here."""
        return self.etc / "install.json"

    @property
    def lock(self) -> Path:
        """What a running `prodops install` holds locked."""
        return self.etc / "install.lock"

    @property
    def ops_env(self) -> Path:
        """Settings of the operations side."""
        return self.ops_etc / "ops.env"

    @property
    def web_env(self) -> Path:
        """Settings of the web tier."""
        return self.web_etc / "web.env"

    @property
    def ops_passfile(self) -> Path:
        """The operations side's and Prefect's passwords of the database."""
        return self.ops_etc / "ops.pgpass"

    @property
    def web_passfile(self) -> Path:
        """The web tier's password of the database."""
        return self.web_etc / "web.pgpass"

    @property
    def prefect_password(self) -> Path:
        """``admin:PASSWORD`` of the Prefect API."""
        return self.ops_etc / "prefect.password"

    @property
    def pcs_token(self) -> Path:
        """The token that the operations side shows to PCS."""
        return self.ops_etc / "pcs.token"

    @property
    def canary_token(self) -> Path:
        """The token that the canary shows to the web tier."""
        return self.ops_etc / "canary.token"

    @property
    def cookie_key(self) -> Path:
        """The key that signs visitors' cookies."""
        return self.web_etc / "cookie.key"
