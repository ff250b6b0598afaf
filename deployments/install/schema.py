"""The schema, and the token that the operations side shows to PCS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import Engine, make_url

from deployments import schema
from deployments.install.options import Options
from deployments.install.steps import Finding, InTheWay, Step
from flows.common import access
from flows.common.callers import Means, Proof, Scope
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable

_PATH = "/usr/bin:/bin"
_OPS_OWNER = "prodops"
_TOKEN_NOTE = "the ops side, for PCS"  # noqa: S105 - what it is for


@dataclass(frozen=True)
class Schema(Step):
    """The tables, at this version's revision; `prodops migrate` as the operations side's user."""

    options: Options

    @property
    def key(self) -> str:
        return f"schema at revision {schema.newest()}"

    def look(self, *, is_ours: bool) -> Finding:
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
        run_as_ops(self.options, "migrate")


@dataclass(frozen=True)
class PcsToken(Step):
    """The database's knowledge of the token in a file, which may record for a task's owner."""

    options: Options

    @property
    def key(self) -> str:
        return "token of the operations side, for PCS"

    def look(self, *, is_ours: bool) -> Finding:
        path = self.options.places.pcs_token
        if not path.exists() or revision(self.options) is None:
            return Finding.MAKE
        proof = Proof(means=Means.TOKEN, value=path.read_text().strip())
        with _engine(self.options) as engine, transaction(engine) as session:
            return Finding.MAKE if access.caller_of(session, proof) is None else Finding.DONE

    def do(self) -> None:
        key = self.options.places.pcs_token.read_text().strip()
        with _engine(self.options) as engine, transaction(engine) as session:
            access.keep_token(session, _OPS_OWNER, key, _TOKEN_NOTE, scopes=[Scope.REQUEST])


def revision(options: Options) -> str | None:
    """The revision of the database; None where it is not there yet, or was never migrated."""
    if not options.places.ops_passfile.exists() or not options.places.ops_env.exists():
        return None
    try:
        with _engine(options) as engine:
            return schema.revision(engine)
    except DatabaseUnavailable:
        return None  # neither role nor database: a server that is away was noticed by their steps


def run_as_ops(options: Options, *command: str) -> None:
    """Run a `prodops` command as the operations side's user, with its settings.

    Raises:
        InTheWay: It failed; its last line says why.
    """
    ids = options.ops.ids
    is_other = ids is not None and ids[0] != os.geteuid()
    as_user = {"user": ids[0], "group": ids[1], "extra_groups": []} if ids and is_other else {}
    done = subprocess.run(
        [os.fspath(program()), *command],
        env={"PATH": _PATH, "HOME": os.fspath(options.places.ops_state), **_settings(options)},
        cwd=options.places.ops_state,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
        **as_user,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise InTheWay(f"`prodops {' '.join(command)}` failed: {' '.join(last)}")


def program() -> Path:
    """The `prodops` of the environment that runs this."""
    return Path(sys.prefix) / "bin" / "prodops"


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
    found = dotenv_values(options.places.ops_env, interpolate=False)
    return {name: value for name, value in found.items() if value is not None}
