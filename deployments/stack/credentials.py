"""The stack's own passwords: made once, each in a file (0600) of the secrets directory."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from pathlib import Path

SUPERUSER = "postgres"
OPS_ROLE = "prodops_ops"
WEB_ROLE = "prodops_web"
PREFECT_ROLE = "prefect"
RUCIO_ROLE = "rucio"
RUCIO_DATABASE = "rucio"

_PASSWORD_FIELD = 4
_TOKEN_BYTES = 20
_RANDOM = re.compile(r"[A-Za-z0-9_-]{43}")


class Credentials:
    """The files of one secrets directory; those named for a role are libpq password files."""

    def __init__(self, directory: Path) -> None:
        self.superuser = directory / "pgpass.superuser"
        self.ops = directory / "pgpass.ops"
        self.web = directory / "pgpass.web"
        self.prefect = directory / "pgpass.prefect"
        self.rucio = directory / "pgpass.rucio"
        self.passfiles = {
            SUPERUSER: self.superuser,
            OPS_ROLE: self.ops,
            WEB_ROLE: self.web,
            PREFECT_ROLE: self.prefect,
            RUCIO_ROLE: self.rucio,
        }
        """The password file of each role."""
        self.prefect_api = directory / "prefect.password"
        """``admin:PASSWORD`` of the Prefect API."""
        self.cookie_key = directory / "cookie.key"
        """Key that signs the pages' cookies."""
        self.pcs_token = directory / "pcs.token"
        """The token that the ops side shows to PCS; its hash is among the database's tokens."""
        self.canary_token = directory / "canary.token"
        """The token that the canary shows to the web tier; its hash is there too."""

    def create(self) -> None:
        """Make each file that is not there; one that is there is kept."""
        for role, path in self.passfiles.items():
            # any port and database: the port may be set anew, and tests clone databases
            _write_once(path, f"127.0.0.1:*:*:{role}:{_random()}\n")
        _write_once(self.prefect_api, f"admin:{_random()}")
        _write_once(self.cookie_key, _random())
        _write_once(self.pcs_token, secrets.token_hex(_TOKEN_BYTES))
        _write_once(self.canary_token, secrets.token_hex(_TOKEN_BYTES))


def password_in(passfile: Path) -> str:
    """The password of a password file that the stack made."""
    return passfile.read_text().rstrip("\n").split(":")[_PASSWORD_FIELD]


def is_random(password: str) -> bool:
    """Whether the password looks like one that was made here, of 256 bits."""
    return _RANDOM.fullmatch(password) is not None


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
