"""The stack's own passwords: made once, each in a file (0600) of the secrets directory."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "postgres"
OPS_ROLE = "prodops_ops"
WEB_ROLE = "prodops_web"
PREFECT_ROLE = "prefect"
RUCIO_ROLE = "rucio"
RUCIO_DATABASE = "rucio"

_PASSFILES = {
    "pgpass.superuser": SUPERUSER,
    "pgpass.ops": OPS_ROLE,
    "pgpass.web": WEB_ROLE,
    "pgpass.prefect": PREFECT_ROLE,
    "pgpass.rucio": RUCIO_ROLE,
}
_PASSWORD_FIELD = 4
_TOKEN_BYTES = 20


@dataclass(frozen=True)
class Credentials:
    """The files of one secrets directory."""

    directory: Path

    @property
    def superuser(self) -> Path:
        """The libpq password file of the embedded database's superuser."""
        return self.directory / "pgpass.superuser"

    @property
    def ops(self) -> Path:
        """The libpq password file of the ops side's role."""
        return self.directory / "pgpass.ops"

    @property
    def web(self) -> Path:
        """The libpq password file of the web tier's role."""
        return self.directory / "pgpass.web"

    @property
    def prefect(self) -> Path:
        """The libpq password file of the Prefect server's role."""
        return self.directory / "pgpass.prefect"

    @property
    def rucio(self) -> Path:
        """The libpq password file of the role of the sandbox's Rucio."""
        return self.directory / "pgpass.rucio"

    @property
    def prefect_api(self) -> Path:
        """``admin:PASSWORD`` of the Prefect API."""
        return self.directory / "prefect.password"

    @property
    def cookie_key(self) -> Path:
        """Key that signs the pages' cookies."""
        return self.directory / "cookie.key"

    @property
    def pcs_token(self) -> Path:
        """The token that the ops side shows to PCS; its hash is among the database's tokens."""
        return self.directory / "pcs.token"

    def create(self) -> None:
        """Make each file that is not there; one that is there is kept."""
        for name, role in _PASSFILES.items():
            # any port and database: the port may be set anew, and tests clone databases
            _write_once(self.directory / name, f"127.0.0.1:*:*:{role}:{_random()}\n")
        _write_once(self.prefect_api, f"admin:{_random()}")
        _write_once(self.cookie_key, _random())
        _write_once(self.pcs_token, secrets.token_hex(_TOKEN_BYTES))


def password_in(passfile: Path) -> str:
    """The password of a password file that the stack made."""
    return passfile.read_text().rstrip("\n").split(":")[_PASSWORD_FIELD]


def _random() -> str:
    return secrets.token_urlsafe(32)


def _write_once(path: Path, content: str) -> None:
    if path.exists():
        return
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return  # another start was first: its secret counts
    finally:
        Path(temporary).unlink()
