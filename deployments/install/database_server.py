"""The PostgreSQL of an installation: its superuser's way in, and the parts' own."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deployments.install.options import Options
from deployments.stack.roles import Connection
from flows.common.settings import BadSetting

_CONNECT_SECONDS = 5
_PORT = "5432"
_REFUSED = ("password authentication failed", "no password supplied")
_LET_IN = ("permission denied for database", "does not exist")  # said after the password was taken


class _Answer(Enum):
    """What the server makes of a role and its password."""

    REFUSED = auto()
    KNOWN = auto()
    """The password was taken, and the database is not there or does not let the role in."""
    ENTERED = auto()


@dataclass(frozen=True, kw_only=True)
class Server:
    """How the superuser connects.

    Attributes:
        url: postgresql:// URL without a password.
        passfile: libpq password file; None where the server asks for no password.
    """

    url: str
    passfile: Path | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where the parts reach it: by loopback where the superuser's is a socket.

        Raises:
            BadSetting: The URL cannot be read, or holds a password.
        """
        found = self._parsed()
        host, port = found.get("host", ""), found.get("port", _PORT)
        if not port.isdigit():
            raise BadSetting(f"--database-url {self.url}: {port!r} is no port")
        return ("127.0.0.1" if not host or host.startswith("/") else host), int(port)

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[Connection]:
        """A connection as the superuser, without a transaction.

        Raises:
            BadSetting: The server does not answer, or does not let us in.
        """
        found = {**self._parsed(), "dbname": database, "connect_timeout": str(_CONNECT_SECONDS)}
        if self.passfile is not None:
            found["passfile"] = os.fspath(self.passfile)
        try:
            with _as_peer(found):
                opened = psycopg.connect(make_conninfo(**found), autocommit=True)
            with opened as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise BadSetting(f"--database-url {self.url}: {_first_line(error)}") from error
        except psycopg.errors.InsufficientPrivilege as error:
            user = found.get("user", "its user")
            raise BadSetting(
                f"--database-url {self.url}: {user} may not do this ({_first_line(error)}); "
                "name a superuser"
            ) from error
        except psycopg.Error as error:
            raise BadSetting(f"the database refuses: {_first_line(error)}") from error

    def _parsed(self) -> dict[str, str]:
        try:
            parsed = conninfo_to_dict(self.url)
            found = {name: str(value) for name, value in parsed.items() if value}
        except psycopg.ProgrammingError as error:
            raise BadSetting(f"--database-url: {_first_line(error)}") from error
        if "password" in found:
            raise BadSetting(
                "--database-url holds a password, which others can see; "
                "put it into the file that --database-passfile names"
            )
        return found


@contextmanager
def _as_peer(found: dict[str, str]) -> Iterator[None]:
    """Be the OS user whom PostgreSQL knows by its socket, where root connects by one."""
    user, host = str(found.get("user", "postgres")), str(found.get("host", "/"))
    if os.geteuid() != 0 or not host.startswith("/"):
        yield
        return
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        yield
        return
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def server_of(options: Options) -> Server:
    """The server of an installation."""
    return Server(url=options.superuser_url, passfile=options.superuser_passfile)


def lets_in(
    options: Options, role: str, *, database: str, passfile: Path, is_entered: bool = False
) -> bool:
    """Whether the server takes the role's password of the file.

    Args:
        options: Where the parts reach it.
        role: Who logs in.
        database: Where to.
        passfile: libpq password file.
        is_entered: Whether the database must be there, too, and let the role in.

    Raises:
        BadSetting: It does not answer where the parts would ask, or has no way in for the role.
    """
    answer = _try(options, role, database, {"passfile": os.fspath(passfile)})
    return answer is _Answer.ENTERED or (answer is _Answer.KNOWN and not is_entered)


def lets_anybody_in(options: Options, role: str, *, database: str) -> bool:
    """Whether the server takes any password for the role, as with `trust` in its pg_hba.conf."""
    return _try(options, role, database, {"password": "wrong"}) is not _Answer.REFUSED


def _try(options: Options, role: str, database: str, more: dict[str, str]) -> _Answer:
    where = {"host": options.database_host, "port": str(options.database_port)}
    seconds = str(_CONNECT_SECONDS)
    try:
        psycopg.connect(
            make_conninfo(**where, user=role, dbname=database, connect_timeout=seconds, **more)
        ).close()
    except psycopg.OperationalError as error:
        if any(words in str(error) for words in _REFUSED):
            return _Answer.REFUSED
        if any(words in str(error) for words in _LET_IN):
            return _Answer.KNOWN
        raise BadSetting(f"role {role} cannot reach the database: {_first_line(error)}") from error
    return _Answer.ENTERED


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n")[0].split())
