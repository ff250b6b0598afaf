"""Whether the database's schema is the one of this code, asked by each part that runs long."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import psycopg
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from blocks.errors import ProdOpsError
from deployments.migrations import versions
from deployments.service_manager.notification import service_manager
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import BadSetting

_WAIT_SECONDS: Final = 60.0
_REVISION: Final = text("SELECT version_num FROM alembic_version")

_log = structlog.get_logger("schema")


class SchemaDiffers(ProdOpsError):
    """The database's schema is not the one of this version."""

    exit_code = BadSetting.exit_code


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
                return _require(revision(engine), newest())
            except DatabaseUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                _log.info("waiting for the database", reason=str(error))
                service_manager().waits("waits for the database")
                time.sleep(0.5)
    finally:
        engine.dispose()


def newest() -> str:
    """The revision that this code brings a database to; Alembic is slow to import for that."""
    [directory] = versions.__path__
    return max(path.name.partition("_")[0] for path in Path(directory).glob("[0-9]*.py"))


def present() -> str | None:
    """The revision of the settings' database; None where it was never migrated.

    Raises:
        DatabaseUnavailable: The database did not answer.
    """
    engine = make_engine(pool_size=1)
    try:
        return revision(engine)
    finally:
        engine.dispose()


def revision(engine: Engine) -> str | None:
    """The revision of the database; None where it was never migrated."""
    try:
        with transaction(engine) as session:
            found: str | None = session.scalar(_REVISION)
            return found
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable):
            return None
        raise


def _require(present: str | None, needed: str) -> None:
    if present == needed:
        return
    is_newer = present is not None and present > needed
    advice = "run the version that migrated it" if is_newer else "run `prodops migrate`"
    raise SchemaDiffers(
        f"the database's schema is at revision {present or 'none'}, and this version of prodops "
        f"is made for {needed}: {advice}"
    )
