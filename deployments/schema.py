"""Whether this code works on the database's schema, asked by each part that runs long.

It works on its own, and on a newer one that says so: so parts of two versions run side by side.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import structlog
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from blocks.errors import ProdOpsError
from deployments.migrations import versions
from deployments.service_manager.notification import service_manager
from flows.common import database
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import BadSetting

_WAIT_SECONDS: Final = 60.0
# A schema that an older version has migrated has no column for its oldest code.
_SCHEMA: Final = text("SELECT to_jsonb(alembic_version) FROM alembic_version")

_log = structlog.get_logger("schema")


class SchemaDiffers(ProdOpsError):
    """The database's schema is one on which this version does not work."""

    exit_code = BadSetting.exit_code


@dataclass(frozen=True)
class Schema:
    """The schema of a database.

    Attributes:
        revision: None where it was never migrated.
        oldest_code: The revision of the oldest code that works on it; None: it does not say.
    """

    revision: str | None = None
    oldest_code: str | None = None

    def is_newer_than(self, code: str) -> bool:
        """Whether it is of a newer version than the code of that revision."""
        return self.revision is not None and self.revision > code

    def takes(self, code: str) -> bool:
        """Whether the code of that revision works on it."""
        is_old_enough = self.oldest_code is not None and self.oldest_code <= code
        return self.revision == code or (self.is_newer_than(code) and is_old_enough)


def await_schema(seconds: float = _WAIT_SECONDS) -> None:
    """Wait for the database, so that a start beside it does not fail, and look at its schema.

    Raises:
        SchemaDiffers: It is older or newer than this code.
        DatabaseUnavailable: The database did not answer in that time.
    """
    engine = make_engine(pool_size=1)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                return _require(schema_of(engine), newest())
            except DatabaseUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                _log.info("waiting for the database", reason=str(error))
                service_manager().waits("waits for the database")
                time.sleep(0.5)
    finally:
        engine.dispose()


def newest() -> str:
    """The revision that this code brings a database to."""
    return max(_revisions())


def _revisions() -> set[str]:
    """Every revision; Alembic is slow to import for that."""
    [directory] = versions.__path__
    return {path.name.partition("_")[0] for path in Path(directory).glob("[0-9]*.py")}


def present() -> Schema:
    """The schema of the settings' database.

    Raises:
        DatabaseUnavailable: The database did not answer.
    """
    engine = make_engine(pool_size=1)
    try:
        return schema_of(engine)
    finally:
        engine.dispose()


def migrate(url: str, passfile: Path | None) -> bool:
    """Bring the schema to this version's.

    Returns:
        Whether it is that; False where it is a newer one, on which this version works.

    Raises:
        BadSetting: It is a newer one, on which it does not.
        DatabaseUnavailable: The database does not answer.
    """
    present = _schema_at(url, passfile)
    if present.is_newer_than(newest()) and present.takes(newest()):
        return False
    database.migrate(url, passfile)
    return True


def migrate_back(url: str, passfile: Path | None, revision: str) -> None:
    """Undo what migrations have added since a revision, for code that knows no newer one.

    What they made of what was there already is made again by the next migration.

    Raises:
        BadSetting: There is no such revision, the schema is not this version's, or something was
            taken away since then.
        DatabaseUnavailable: The database does not answer.
    """
    if revision not in _revisions():  # Alembic takes words for some that are long gone: `base`
        raise BadSetting(
            f"there is no revision {revision!r}: it is the number of a migration, as "
            f"`prodops migrate --back-to {newest()}` names this version's"
        )
    present = _schema_at(url, passfile)
    if present.revision != newest():
        raise BadSetting(
            f"the database's schema is at revision {present.revision or 'none'}, and this version "
            f"undoes migrations from {newest()} only"
        )
    if not present.oldest_code or revision < present.oldest_code:
        raise BadSetting(
            f"migrations since {revision} took something away: there is no way back to before "
            f"{present.oldest_code or newest()} but the backup that was made then "
            "(`prodops restore`)"
        )
    database.migrate(url, passfile, back_to=revision)


def _schema_at(url: str, passfile: Path | None) -> Schema:
    engine = make_engine(make_url(url), passfile=passfile, pool_size=1)
    try:
        return schema_of(engine)
    finally:
        engine.dispose()


def schema_of(engine: Engine) -> Schema:
    """The schema of the database."""
    try:
        with transaction(engine) as session:
            row = session.scalar(_SCHEMA) or {}
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable):
            return Schema()
        raise
    return Schema(row.get("version_num"), row.get("oldest_code"))


def _require(present: Schema, needed: str) -> None:
    if present.takes(needed):
        if present.revision != needed:
            _log.info("the schema is of a newer version", revision=present.revision, ours=needed)
        return
    is_newer = present.is_newer_than(needed)
    advice = "run the version that migrated it" if is_newer else "run `prodops migrate`"
    raise SchemaDiffers(
        f"the database's schema is at revision {present.revision or 'none'}, and this version of "
        f"prodops is made for {needed}: {advice}"
    )
