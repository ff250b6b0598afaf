"""The database: whether it answers us, takes writes, and has the schema of this code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from sqlalchemy import text

from deployments import schema
from deployments.doctor.findings import Check, Finding, ok, problem, warning
from deployments.doctor.site import Site
from flows.common.database import database_url
from flows.common.database_errors import DatabaseUnavailable

_OLDEST: Final = 15
_SLOW_MS: Final = 50.0
_REFUSED: Final = ("password authentication failed", "no password supplied", "fe_sendauth")
_STATE: Final = text("""
    SELECT current_setting('server_version_num')::int / 10000 AS version, current_user AS role,
           pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_read_only
""")


def _connection(site: Site) -> Iterator[Finding]:
    place = database_url().render_as_string(hide_password=True)
    began = time.monotonic()
    try:
        with site.session() as session:
            found = session.execute(_STATE).one()
            milliseconds = 1000 * _seconds(session)
    except DatabaseUnavailable as error:
        yield problem(f"{place}: {error}", _advice(str(error)))
        return
    took = time.monotonic() - began
    about = f"PostgreSQL {found.version} as {found.role}, connected within {took:.2f} s"
    if found.version < _OLDEST:
        yield problem(f"{about}, which is too old", f"upgrade it to {_OLDEST} or newer")
    elif found.is_read_only:
        advice = "wait for the failover, or point PRODOPS_DATABASE_URL at the primary"
        yield problem(f"{about}, and it takes no writes", advice)
    elif milliseconds > _SLOW_MS:
        advice = "each request takes several such answers: bring the database nearer, or relieve it"
        yield warning(f"{about}; an answer takes {milliseconds:.0f} ms", advice)
    else:
        yield ok(about)


def _seconds(session: object) -> float:
    """How long the simplest answer takes, at best."""
    taken = []
    for _ in range(3):
        began = time.monotonic()
        session.execute(text("SELECT 1"))  # type: ignore[attr-defined]
        taken.append(time.monotonic() - began)
    return min(taken)


def _advice(reason: str) -> str:
    if any(words in reason for words in _REFUSED):
        return (
            "put the role's password into the file that PRODOPS_DATABASE_PASSFILE names "
            "(HOST:PORT:DATABASE:ROLE:PASSWORD, mode 0600)"
        )
    if "does not exist" in reason:
        return "make the role and the database: docs/how-to/run-in-production.md"
    return "start PostgreSQL (`prodops up` starts its own), or correct PRODOPS_DATABASE_URL"


def _schema(_site: Site) -> Iterator[Finding]:
    present, needed = schema.present(), schema.newest()
    at = f"revision {present.revision}"
    if present.revision == needed:
        yield ok(at)
    elif present.revision is None:
        yield problem("it was never migrated", "run `prodops migrate` on the ops side")
    elif not present.is_newer_than(needed):
        text = f"{at} is behind {needed}, which this code is made for"
        yield problem(text, "run `prodops migrate` on the ops side, then restart every part")
    elif present.takes(needed):
        text = f"{at} is ahead of {needed}, which this code is made for, and takes it"
        yield warning(text, "upgrade this side too (docs/how-to/upgrade.md)")
    else:
        text = f"{at} is ahead of {needed}, which this code is made for"
        yield problem(text, "run the version that migrated it: this one is older")


CHECKS = (
    Check(
        name="database",
        summary="whether PostgreSQL answers, takes writes, and is new enough",
        look=_connection,
        needs=("settings",),
    ),
    Check(
        name="schema",
        summary="whether the schema is at this code's revision",
        look=_schema,
        needs=("settings", "database"),
    ),
)
