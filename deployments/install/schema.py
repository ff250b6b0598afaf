"""The schema, and the tokens that the operations side shows to PCS and the web tier."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import Engine, make_url

from deployments import schema
from deployments.install.options import Options
from deployments.install.steps import Finding, InTheWay, Step
from deployments.install.systemd import program
from deployments.stack.provision import CANARY_USER, OPS_USER
from flows.common import access
from flows.common.callers import Means, Proof, Scope
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import BadSetting

_PATH = "/usr/bin:/bin"
_NEEDED = ("PRODOPS_DATABASE_URL", "PRODOPS_DATABASE_PASSFILE")


@dataclass(frozen=True)
class Schema(Step):
    """The tables, at this version's revision; `prodops migrate` as the operations side's user."""

    options: Options

    @property
    def key(self) -> str:
        """The tables."""
        return "schema"

    def describe(self) -> str:
        """With the revision that this version takes."""
        return f"{self.key} (revision {schema.newest()})"

    def look(self) -> Finding:
        """Compare the database's revision with this version's."""
        found = revision(self.options)
        if found is None:
            return Finding.MAKE
        if found > schema.newest():
            raise InTheWay(
                f"the database's schema is at revision {found}, and this version of prodops is "
                f"made for {schema.newest()}: install the version that migrated it"
            )
        return Finding.DONE if found == schema.newest() else Finding.CHANGE

    def do(self) -> None:
        """Migrate, as the user who will work with it."""
        run_as_ops(self.options, "migrate")


@dataclass(frozen=True, kw_only=True)
class KeptToken(Step):
    """The database's knowledge of a token in a file of the operations side.

    Attributes:
        options: Where the database and its settings are.
        label: What the token is called.
        path: The file.
        owner: Whose token it is.
        note: What it is for; an earlier token of the owner with that note is revoked.
        scopes: What it permits.
    """

    options: Options
    label: str
    path: Path
    owner: str
    note: str
    scopes: tuple[Scope, ...]

    @property
    def key(self) -> str:
        """The token."""
        return self.label

    def look(self) -> Finding:
        """Look whether the database knows the token of the file."""
        if not self.path.exists() or revision(self.options) is None:
            return Finding.MAKE
        proof = Proof(means=Means.TOKEN, value=self.path.read_text().strip())
        with _engine(self.options) as engine, transaction(engine) as session:
            return Finding.MAKE if access.caller_of(session, proof) is None else Finding.DONE

    def do(self) -> None:
        """Have the database know it, and no earlier one."""
        token = self.path.read_text().strip()
        with _engine(self.options) as engine, transaction(engine) as session:
            access.keep_token(session, self.owner, token, self.note, scopes=self.scopes)


def pcs_token(options: Options) -> KeptToken:
    """The token that may record for a task's owner."""
    return KeptToken(
        options=options,
        label="token of the operations side, for PCS",
        path=options.places.pcs_token,
        owner=OPS_USER,
        note="the ops side, for PCS",
        scopes=(Scope.REQUEST,),
    )


def canary_token(options: Options) -> KeptToken:
    """The token by which the canary walks through the web tier."""
    return KeptToken(
        options=options,
        label="token of the canary",
        path=options.places.canary_token,
        owner=CANARY_USER,
        note="the installation's canary",
        scopes=(Scope.MESSAGE, Scope.OPERATE),
    )


def revision(options: Options) -> str | None:
    """The revision of the database; None where it is not there yet, or was never migrated."""
    if not options.places.ops_passfile.exists() or not options.places.ops_env.exists():
        return None
    try:
        with _engine(options) as engine:
            return schema.schema_of(engine).revision
    except DatabaseUnavailable:
        return None  # neither role nor database: a server that is away was noticed by their steps


def run_as_ops(options: Options, *command: str) -> None:
    """Run a `prodops` command as the operations side's user, with its settings.

    Raises:
        InTheWay: It failed; its last line says why.
    """
    uid, gid = options.ops.ids or (None, None)
    is_other = uid != os.geteuid()
    done = subprocess.run(
        [os.fspath(program()), *command],
        env={"PATH": _PATH, "HOME": os.fspath(options.places.ops_state), **_settings(options)},
        cwd=options.places.ops_state,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
        user=uid if is_other else None,
        group=gid if is_other else None,
        extra_groups=[] if is_other else None,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise InTheWay(f"`prodops {' '.join(command)}` failed: {' '.join(last)}")


@contextmanager
def _engine(options: Options) -> Iterator[Engine]:
    """The database with the operations side's rights."""
    settings = _settings(options)
    url = make_url(settings["PRODOPS_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    engine = make_engine(url, passfile=Path(settings["PRODOPS_DATABASE_PASSFILE"]), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _settings(options: Options) -> dict[str, str]:
    path = options.places.ops_env
    try:
        found = dotenv_values(path, interpolate=False)
    except UnicodeDecodeError as error:
        raise BadSetting(f"{path} is no UTF-8") from error
    for name in _NEEDED:
        if not found.get(name):
            raise BadSetting(f"{path}: {name} is not set")
    return {name: value for name, value in found.items() if value is not None}
