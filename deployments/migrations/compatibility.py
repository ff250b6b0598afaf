"""Which older versions of the code work on the schema: written where the schema is migrated.

A migration that only adds says in `oldest_code` the revision of the oldest code that works on what
it leaves; one without it works with its own code alone. So parts of two versions can run side by
side, and go back, while the schema is the newer one's.
"""

from __future__ import annotations

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_COLUMN = text("ALTER TABLE alembic_version ADD COLUMN IF NOT EXISTS oldest_code varchar(32)")
_WRITE = text("UPDATE alembic_version SET oldest_code = :oldest")


def oldest_code(scripts: ScriptDirectory) -> str:
    """The revision of the oldest code that works on the newest schema."""
    numbered = [each for each in scripts.walk_revisions() if each.revision.isdecimal()]
    return max(getattr(each.module, "oldest_code", each.revision) for each in numbered)


def write(connection: Connection, scripts: ScriptDirectory) -> None:
    """Write it beside the revision, for code that does not know this version's migrations."""
    connection.execute(_COLUMN)
    connection.execute(_WRITE, {"oldest": oldest_code(scripts)})
