"""What an installation is told, and what of it is kept for the next run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deployments.install.owners import Owner
from deployments.install.places import Places
from deployments.systemd.declared import NAMES
from flows.common.settings import BadSetting

LOCAL_URL = "postgresql://postgres@/postgres?host=/var/run/postgresql"
"""The server of this machine, as its OS user `postgres`, who needs no password."""
USUAL_PARTS = ("prefect", "api", "relay", "worker", "notifier")
"""Those that need no setting of their own: the bridge needs a bus, the scanner directories."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What `prodops install` was told.

    Attributes:
        prefix: Directory that everything is below.
        ops_user: OS user of the operations side.
        web_user: OS user of the web tier.
        superuser_url: PostgreSQL's URL for its superuser.
        superuser_passfile: The superuser's libpq password file; None: no password is asked for.
        database_host: Where the parts reach PostgreSQL.
        database_port: Its port.
        root_path: URL path prefix of all routes.
        is_by_hand: Whether somebody else makes roles and databases.
        parts: The parts that get a unit.
    """

    prefix: Path
    ops_user: str = "prodops"
    web_user: str = "prodops-web"
    superuser_url: str = LOCAL_URL
    superuser_passfile: Path | None = None
    database_host: str = "127.0.0.1"
    database_port: int = 5432
    root_path: str = ""
    is_by_hand: bool = False
    parts: tuple[str, ...] = USUAL_PARTS

    @property
    def places(self) -> Places:
        """Where everything is."""
        return Places(self.prefix)

    @property
    def ops(self) -> Owner:
        """The operations side's user."""
        return Owner(self.ops_user)

    @property
    def web(self) -> Owner:
        """The web tier's user."""
        return Owner(self.web_user)

    @property
    def is_one_user(self) -> bool:
        """Whether both sides are one user: an installation to try things with."""
        return self.ops_user == self.web_user

    def as_json(self) -> dict[str, Any]:
        """What the manifest keeps."""
        passfile = self.superuser_passfile
        return asdict(self) | {
            "prefix": str(self.prefix),
            "superuser_passfile": None if passfile is None else str(passfile),
            "parts": list(self.parts),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Options:
        """What the manifest kept."""
        paths = {
            name: Path(kept[name])
            for name in ("prefix", "superuser_passfile")
            if kept.get(name) is not None
        }
        return cls(**{**kept, **paths, "parts": tuple(kept["parts"])})


def check_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts in the order of their start.

    Raises:
        BadSetting: There is no such part.
    """
    for name in parts:
        if name not in NAMES:
            raise BadSetting(f"there is no part {name!r}; the parts are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in parts)
