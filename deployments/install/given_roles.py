"""Roles that somebody else makes: what is seen of them without being a superuser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployments.install.database_server import lets_anybody_in, lets_in
from deployments.install.options import Options
from deployments.install.steps import Finding, InTheWay, Step


@dataclass(frozen=True)
class GivenRole(Step):
    """A role that can log in with the password of a file, and enter its database.

    Attributes:
        options: Where it logs in.
        role: Its name.
        database: The database that it is for.
        passfile: libpq password file with a line for it.
    """

    options: Options
    role: str
    database: str
    passfile: Path

    @property
    def key(self) -> str:
        """Its name, and that it is not ours."""
        return f"login of {self.role} to {self.database}"

    def look(self) -> Finding:
        """Look whether it can log in, and nobody by another password."""
        if not self.passfile.exists() or not self._is_let_in():
            return Finding.MAKE
        if lets_anybody_in(self.options, self.role, database=self.database):
            raise InTheWay(
                f"the database takes any password for {self.role}: in its pg_hba.conf, let hosts "
                "log in by scram-sha-256, and reload it"
            )
        return Finding.DONE

    def do(self) -> None:
        """Say what is asked of whoever makes it.

        Raises:
            InTheWay: Always.
        """
        raise InTheWay(
            f"the database does not let {self.role} in: have the role and the database "
            f"{self.database} made, with the password of {self.passfile}, and run this again"
        )

    def _is_let_in(self) -> bool:
        return lets_in(
            self.options,
            self.role,
            database=self.database,
            passfile=self.passfile,
            is_entered=True,
        )
