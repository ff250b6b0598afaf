"""The SQL that writes what agents send: heartbeats, log records, namespaces.

Nothing here commits. What comes in numbers is written in one statement for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from flows.agents.models import AppLog, Namespace
from flows.common.database import json_row

# ------------------------------------------------------------------ heartbeats


@dataclass(frozen=True)
class Heartbeat:
    """What an agent says of itself: the columns that it carried, by name."""

    instance_name: str
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Heard:
    """The row of an agent that was heard, and whether it is new."""

    id: int
    is_new: bool


# Whoever said that it ended has: what it still sends while it disconnects (contract section 5.8)
# tells no more than that it was heard.
_BEAT: Final = text("""
    WITH beat AS (
        SELECT * FROM json_to_recordset(cast(:rows AS json)) AS row (
            instance_name text, agent_type text, description text, status text, agent_url text,
            has_agent_url bool, workflow_enabled bool, current_stf_count int,
            total_stf_processed int, pid int, hostname text, operational_state text,
            namespace text, has_namespace bool, metadata jsonb, mq_connected bool)
        ORDER BY instance_name)  -- so that two transactions never wait for each other
    INSERT INTO swf_systemagent AS old
        (instance_name, agent_type, description, status, agent_url, workflow_enabled,
         current_stf_count, total_stf_processed, pid, hostname, operational_state, namespace,
         metadata, mq_connected, last_heartbeat, created_at, updated_at)
    SELECT instance_name, coalesce(agent_type, 'other'), coalesce(description, ''),
           coalesce(status, 'OK'), agent_url, coalesce(workflow_enabled, true),
           coalesce(current_stf_count, 0), coalesce(total_stf_processed, 0), pid, hostname,
           coalesce(operational_state, 'STARTING'), namespace, metadata, mq_connected,
           :at, :at, :at
    FROM beat
    ON CONFLICT (instance_name) DO UPDATE SET
        last_heartbeat = excluded.last_heartbeat,
        (updated_at, agent_type, description, status, agent_url, workflow_enabled,
         current_stf_count, total_stf_processed, pid, hostname, operational_state, namespace,
         metadata, mq_connected, other_pid, other_hostname, other_heartbeat) = (
            SELECT CASE WHEN new.instance_name IS NULL THEN old.updated_at
                        ELSE excluded.updated_at END,
                   coalesce(new.agent_type, old.agent_type),
                   coalesce(new.description, old.description),
                   coalesce(new.status, old.status),
                   CASE WHEN new.has_agent_url THEN new.agent_url ELSE old.agent_url END,
                   coalesce(new.workflow_enabled, old.workflow_enabled),
                   coalesce(new.current_stf_count, old.current_stf_count),
                   coalesce(new.total_stf_processed, old.total_stf_processed),
                   coalesce(new.pid, old.pid),
                   coalesce(new.hostname, old.hostname),
                   coalesce(new.operational_state, old.operational_state),
                   CASE WHEN new.has_namespace THEN new.namespace ELSE old.namespace END,
                   coalesce(new.metadata, old.metadata),
                   coalesce(new.mq_connected, old.mq_connected),
                   CASE WHEN NOT is_other THEN old.other_pid WHEN is_left THEN old.pid END,
                   CASE WHEN NOT is_other THEN old.other_hostname
                        WHEN is_left THEN old.hostname END,
                   CASE WHEN NOT is_other THEN old.other_heartbeat
                        WHEN is_left THEN old.last_heartbeat END
            FROM (SELECT old.status <> 'EXITED') AS former (is_left)
                 LEFT JOIN beat AS new ON new.instance_name = excluded.instance_name AND NOT (
                     old.status = 'EXITED' AND new.status = 'WARNING'
                     AND coalesce(new.pid, old.pid) IS NOT DISTINCT FROM old.pid
                     AND coalesce(new.hostname, old.hostname) IS NOT DISTINCT FROM old.hostname),
                 LATERAL (
                     SELECT coalesce(new.pid <> old.pid, false)
                         OR coalesce(new.hostname <> old.hostname, false)) AS judged (is_other))
    RETURNING id, instance_name, xmax = 0 AS is_new
""")


def beat(session: Session, heartbeats: Sequence[Heartbeat], at: datetime) -> list[Heard]:
    """Note what agents say of themselves, in their order; what one does not carry stays.

    A null clears `namespace` and `agent_url`, and says nothing of the other columns.
    """
    heard: dict[int, Heard] = {}
    for numbers in _rounds([each.instance_name for each in heartbeats]):
        rows = "[" + ",".join(_row(heartbeats[number]) for number in numbers) + "]"
        found = session.execute(_BEAT, {"rows": rows, "at": at})
        by_name = {row.instance_name: Heard(row.id, row.is_new) for row in found}
        heard |= {number: by_name[heartbeats[number].instance_name] for number in numbers}
    return [heard[number] for number in range(len(heartbeats))]


def _rounds(names: Sequence[str]) -> Iterator[list[int]]:
    """The places of the names, in rounds of which each has a name once: as a statement takes it."""
    left = list(range(len(names)))
    while left:
        first: dict[str, int] = {}
        for number in left:
            first.setdefault(names[number], number)
        yield list(first.values())
        left = [number for number in left if first[names[number]] != number]


def _row(heartbeat: Heartbeat) -> str:
    said = heartbeat.said
    has = {f"has_{name}": name in said for name in ("agent_url", "namespace")}
    return json_row({"instance_name": heartbeat.instance_name, **said, **has})


# ------------------------------------------------------------------ log records

_TRIMMED_EACH: Final = 10_000  # records between two looks at how many there are
_ADD_LOGS: Final = text("""
    INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message, module,
                            funcname, lineno, process, thread, extra_data)
    SELECT * FROM json_to_recordset(cast(:rows AS json)) AS row (
        app_name text, instance_name text, timestamp timestamptz, level int, levelname text,
        message text, module text, funcname text, lineno int, process int, thread bigint,
        extra_data jsonb)
    RETURNING id
""")


def add_logs(session: Session, records: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store log records, each given by its columns; gives their ids, in order."""
    rows = "[" + ",".join(json_row(record) for record in records) + "]"
    return list(session.scalars(_ADD_LOGS, {"rows": rows}))


def store_logs(session: Session, records: Sequence[Mapping[str, Any]], *, keep: int) -> list[int]:
    """Store log records, and now and then delete all but about the newest `keep`; gives the ids."""
    ids = add_logs(session, records)
    if any(number % _TRIMMED_EACH == 0 for number in ids):
        trim_logs(session, keep)
    return ids


def trim_logs(session: Session, keep: int) -> int:
    """Delete all log records but the newest `keep`; gives the number of those deleted."""
    newest = select(func.max(AppLog.id)).scalar_subquery()
    return session.connection().execute(delete(AppLog).where(AppLog.id <= newest - keep)).rowcount


# ------------------------------------------------------------------ namespaces


def ensure_namespace(
    session: Session, name: str, owner: str, description: str
) -> tuple[Namespace, bool]:
    """The namespace of that name, and whether it was made now: one that is there stays as it is."""
    values = {"name": name, "owner": owner, "description": description}
    made = session.scalar(
        upsert(Namespace).values(values).on_conflict_do_nothing().returning(Namespace.name)
    )
    return session.get_one(Namespace, name), made is not None
