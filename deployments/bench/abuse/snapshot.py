"""The rows of the tables, before and after, so that every change is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from deployments.bench.common.stack import BenchStack

_TABLES: Final = text("""
    SELECT columns.table_name AS name,
           array_agg(columns.column_name::text ORDER BY columns.ordinal_position) AS columns
    FROM information_schema.columns AS columns
    JOIN information_schema.tables AS tables USING (table_schema, table_name)
    WHERE columns.table_schema = 'public' AND tables.table_type = 'BASE TABLE'
      AND columns.table_name <> 'alembic_version'
    GROUP BY 1 ORDER BY 1
""")
_KEYS: Final = text("""
    SELECT pg_class.relname AS name,
           array_agg(attribute.attname::text ORDER BY attribute.attnum) AS columns
    FROM pg_index JOIN pg_class ON pg_class.oid = pg_index.indrelid
    JOIN pg_attribute AS attribute
      ON attribute.attrelid = pg_class.oid AND attribute.attnum = ANY (pg_index.indkey)
    WHERE pg_index.indisprimary AND pg_class.relnamespace = 'public'::regnamespace
    GROUP BY 1
""")
_OWNERS: Final = ("created_by", "requested_by")
_ABOUT: Final = {
    "request": "t.action",
    "cancellation": "(SELECT requested_by FROM request WHERE id = t.request_id)",
    "event": "coalesce(t.request_id::text, t.flow_run_id::text, "
    "CASE WHEN t.msg_type = 'prodtask_changed' THEN 'pcs_prod_task' END, '')",
    "swf_fastmon_files": "coalesce(t.sampled_by::text, '')",
    "swf_systemagent": "CASE WHEN t.agent_type ~* '^(prodops|fastmon)' THEN 'a part' ELSE '' END",
    "api_token": "array_to_string(t.scopes, ' ')",
}
_OWNER: Final = {
    "api_session": "(SELECT owner FROM api_token WHERE id = t.token_id)",
    "api_token": "t.owner",
}
_CONTENT: Final = {"api_token": "to_jsonb(t) - 'last_used_at'"}
"""What counts as a row's content, where it is not all of it: that a token is used is no change."""


@dataclass(frozen=True)
class Row:
    """A row as far as it matters here.

    Attributes:
        digest: Another for each content.
        owner: Whose it is; empty where it says nothing of that.
        about: Of a request its action, of a cancellation the request's owner, of an event
            whether it names a request or a run, or the database announces by it what changed at
            PCS, of a TF file whether the sampler made it, of an agent whether it is a part, of a
            token what it permits.
    """

    digest: str
    owner: str = ""
    about: str = ""


Snapshot = Mapping[tuple[str, str], Row]
"""Rows by their table and key."""


@dataclass(frozen=True)
class Change:
    """A row that came, went, or has another content."""

    table: str
    key: str
    before: Row | None
    after: Row | None

    def __str__(self) -> str:
        row = self.after or self.before
        done = "changed" if self.before and self.after else "made" if self.after else "deleted"
        assert row is not None  # noqa: S101 - one of them is there
        of = f" of {row.owner}" if row.owner else ""
        about = f" ({row.about})" if row.about else ""
        return f"{self.table} {self.key}{of}{about} was {done}"


def changes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """What differs."""
    for place in sorted({*before, *after}):
        former, latter = before.get(place), after.get(place)
        if former != latter:
            yield Change(*place, former, latter)


def take(running: BenchStack) -> Snapshot:
    """All rows, as the ops role sees them."""
    found: dict[tuple[str, str], Row] = {}
    with running.engine.connect() as connection:
        keys = {row.name: row.columns for row in connection.execute(_KEYS)}
        for name, columns in connection.execute(_TABLES).all():
            if name in keys:
                found |= _rows(connection, name, columns, keys[name])
    return found


def _rows(
    connection: Connection, table: str, columns: list[str], keys: list[str]
) -> Iterator[tuple[tuple[str, str], Row]]:
    owners = [f"t.{each}" for each in _OWNERS if each in columns]
    owner = _OWNER.get(table, owners[0] if owners else "''")
    key = " || ' ' || ".join(f"t.{each}::text" for each in keys)
    about = _ABOUT.get(table, "''")
    content = _CONTENT.get(table, "t")
    statement = text(  # the names are the database's own
        f"SELECT {key} AS key, md5(({content})::text) AS digest, {owner} AS owner, {about} AS about"  # noqa: S608 - names that the database gave
        f" FROM {table} AS t"
    )
    for row in connection.execute(statement):
        yield (table, row.key), Row(row.digest, row.owner or "", row.about or "")
