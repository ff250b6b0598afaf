"""The roles and databases of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployments.install.database_server import Server, lets_anybody_in, lets_in
from deployments.install.options import Options
from deployments.install.steps import Finding, InTheWay, Step
from deployments.stack import roles
from flows.common.database import Limits

_ROLE = """
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid)
    FROM pg_roles r WHERE rolname = %s
"""
_DATABASE = """
    SELECT pg_get_userbyid(datdba),
           has_database_privilege('public', oid, 'CONNECT')
    FROM pg_database WHERE datname = %s
"""
_PREPARED = """
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'),
           (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public')
"""
_CONNECTS = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
_LIMITS = """
    SELECT coalesce(array_agg(one ORDER BY one), '{}')
    FROM pg_db_role_setting, unnest(setconfig) one
    WHERE setrole = %s::regrole
"""


@dataclass(frozen=True)
class Role(Step):
    """A role that may log in and nothing else, with the password of a file.

    Attributes:
        server: The superuser's way in.
        options: Where the role will log in.
        role: Its name.
        database: The database that it is for.
        passfile: libpq password file with a line for it.
    """

    server: Server
    options: Options
    role: str
    database: str
    passfile: Path

    @property
    def key(self) -> str:
        """Its name."""
        return f"role {self.role}"

    def look(self) -> Finding:
        """Look at its rights, and whether the server takes its password and no other."""
        with self.server.superuser() as connection:
            found = connection.execute(_ROLE, [self.role]).fetchone()
        if found is None:
            return Finding.MAKE
        self._check_rights(*found)
        if self.passfile.exists() and self._is_let_in():
            self._check_password()
            return Finding.DONE
        return Finding.CHANGE

    def objection(self) -> str:
        """A role that others may use keeps its password."""
        return (
            f"role {self.role} was there before, and its password is not in {self.passfile}: write "
            "it there (mode 0600), or drop the role"
        )

    def do(self) -> None:
        """Make it, and see that it can log in where the parts will."""
        with self.server.superuser() as connection:
            roles.make_role(connection, self.role, self._password())
        if not self._is_let_in():
            raise InTheWay(f"role {self.role} has its password, and the server does not take it")
        self._check_password()

    def undo(self) -> None:
        """Remove it; what it owned went with the databases."""
        with self.server.superuser() as connection:
            if connection.execute(_ROLE, [self.role]).fetchone():
                roles.execute(connection, "DROP ROLE {}", self.role)

    def _check_rights(self, has_rights: object, member_of: object) -> None:
        if has_rights or member_of:
            raise InTheWay(
                f"role {self.role} may do more than log in: take its rights and memberships away, "
                "or drop it"
            )

    def _check_password(self) -> None:
        if lets_anybody_in(self.options, self.role, database=self.database):
            raise InTheWay(
                f"the database takes any password for {self.role}: in its pg_hba.conf, let hosts "
                "log in by scram-sha-256, and reload it"
            )

    def _is_let_in(self) -> bool:
        return lets_in(self.options, self.role, database=self.database, passfile=self.passfile)

    def _password(self) -> str:
        for line in self.passfile.read_text().splitlines():
            fields = line.rsplit(":", 2)
            if fields[1:2] == [self.role]:
                return fields[2]
        raise InTheWay(f"{self.passfile} has no line for the role {self.role}")


@dataclass(frozen=True)
class Database(Step):
    """A database of its owner alone, with the extension that is searched with."""

    server: Server
    name: str
    owner: str

    @property
    def key(self) -> str:
        """Its name."""
        return f"database {self.name}"

    def describe(self) -> str:
        """Its name and owner."""
        return f"{self.key} (owner {self.owner})"

    def look(self) -> Finding:
        """Look at its owner, and whether it is closed to others and prepared."""
        with self.server.superuser() as connection:
            found = connection.execute(_DATABASE, [self.name]).fetchone()
        if found is None:
            return Finding.MAKE
        owner, is_open = found
        if owner != self.owner:
            raise InTheWay(f"database {self.name} belongs to {owner}, and not to {self.owner}")
        with self.server.superuser(self.name) as connection:
            prepared = connection.execute(_PREPARED).fetchone()
        is_done = not is_open and prepared == (True, self.owner)
        return Finding.DONE if is_done else Finding.CHANGE

    def do(self) -> None:
        """Make and prepare it."""
        with self.server.superuser() as connection:
            roles.make_database(connection, self.name, self.owner)
        with self.server.superuser(self.name) as connection:
            roles.prepare_database(connection, self.owner)

    def undo(self) -> None:
        """Remove it with all that is in it."""
        with self.server.superuser() as connection:
            roles.execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)


@dataclass(frozen=True)
class WebAccess(Step):
    """What the web role may do with the database as a whole: connect, within limits."""

    server: Server
    database: str
    role: str
    limits: Limits

    @property
    def key(self) -> str:
        """Role and database."""
        return f"access of {self.role} to {self.database}"

    def describe(self) -> str:
        """Both, with the limits."""
        limits = ", ".join(f"{name} {ms} ms" for name, ms in self.limits.as_parameters().items())
        return f"{self.key} ({limits})"

    def look(self) -> Finding:
        """Look at the right to connect, and at the limits."""
        with self.server.superuser() as connection:
            if not self._is_possible(connection):
                return Finding.MAKE
            connects = connection.execute(_CONNECTS, [self.role, self.database]).fetchone()
            limits = connection.execute(_LIMITS, [self.role]).fetchone()
        wanted = sorted(f"{name}={ms}" for name, ms in self.limits.as_parameters().items())
        return Finding.DONE if (connects, limits) == ((True,), (wanted,)) else Finding.CHANGE

    def do(self) -> None:
        """Let the role connect, and set its limits."""
        with self.server.superuser() as connection:
            statement = "GRANT CONNECT ON DATABASE {} TO {}"
            roles.execute(connection, statement, self.database, self.role)
            roles.bound(connection, self.role, self.limits)

    def _is_possible(self, connection: roles.Connection) -> bool:
        """Whether role and database are there."""
        found = connection.execute(_ROLE, [self.role]).fetchone()
        return found is not None and bool(connection.execute(_DATABASE, [self.database]).fetchone())
