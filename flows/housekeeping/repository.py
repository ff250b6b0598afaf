"""The SQL that deletes old history, in bounded pieces. Nothing here commits.

The tables are those of other capabilities, which this one shares the database with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from flows.housekeeping.domain import History, Limit

_DELETE: Final[dict[History, TextClause]] = {
    # The newest event stays, however old: by its id readers know that ids did not begin anew. Age
    # is looked at by the time and not by the id: the web tier may write an event of any time.
    History.EVENTS: text("""
        DELETE FROM event WHERE id IN (
            SELECT id FROM event WHERE at < :before AND id < (SELECT max(id) FROM event)
            ORDER BY at LIMIT :piece)
    """),
    History.EVENTS_BEYOND: text("""
        DELETE FROM event WHERE id IN (
            SELECT id FROM event WHERE id <= (SELECT max(id) FROM event) - :rows
            ORDER BY id LIMIT :piece)
    """),
    History.RELAYED_STATES: text("""
        DELETE FROM relayed_state WHERE state_id IN (
            SELECT state_id FROM relayed_state WHERE at < :before ORDER BY at LIMIT :piece)
    """),
    # One of which it is not known what it did holds its place, and an open attempt names its own.
    History.REQUESTS: text("""
        DELETE FROM request WHERE id IN (
            SELECT id FROM request
            WHERE finished_at < :before AND state IN ('completed', 'failed', 'cancelled')
              AND NOT EXISTS (
                SELECT FROM submission_attempt AS attempt
                WHERE attempt.request_id = request.id
                  AND attempt.state NOT IN ('recorded', 'failed'))
            ORDER BY finished_at LIMIT :piece)
    """),
    History.EXECUTIONS: text("""
        DELETE FROM swf_workflow_executions WHERE execution_id IN (
            SELECT execution_id FROM swf_workflow_executions
            WHERE start_time < :before AND end_time < :before ORDER BY start_time LIMIT :piece)
    """),
    History.WORKFLOW_RUNS: text("""
        DELETE FROM workflow_run WHERE request_id IN (
            SELECT request_id FROM workflow_run WHERE ended_at < :before LIMIT :piece)
    """),
    History.REMARKS: text("""
        DELETE FROM panda_remark WHERE id IN (
            SELECT id FROM panda_remark WHERE cleared_at < :before LIMIT :piece)
    """),
    # The next sweep goes on from the last one.
    History.ARRIVALS: text("""
        DELETE FROM provenance_arrivals WHERE id IN (
            SELECT id FROM provenance_arrivals
            WHERE swept_at < :before AND id < (SELECT max(id) FROM provenance_arrivals)
            ORDER BY id LIMIT :piece)
    """),
    History.PAYLOAD_LOGS: text("""
        DELETE FROM payload_log WHERE pandaid IN (
            SELECT pandaid FROM payload_log
            WHERE updated_at < :before AND state NOT IN ('wanted', 'ready') LIMIT :piece)
    """),
    History.LIVE_DIDS: text("""
        DELETE FROM provenance_live_did WHERE (scope, name) IN (
            SELECT scope, name FROM provenance_live_did WHERE attempted_at < :before LIMIT :piece)
    """),
    History.STF_WORKFLOWS: text("""
        DELETE FROM swf_stf_workflows WHERE workflow_id IN (
            SELECT workflow_id FROM swf_stf_workflows
            WHERE created_at < :before ORDER BY created_at LIMIT :piece)
    """),
    History.STATE_EVENTS: text("""
        DELETE FROM swf_system_state_events WHERE event_id IN (
            SELECT event_id FROM swf_system_state_events
            WHERE timestamp < :before ORDER BY timestamp LIMIT :piece)
    """),
    History.WORKERS: text("""
        DELETE FROM swf_workers WHERE worker_id IN (
            SELECT worker_id FROM swf_workers
            WHERE coalesce(ended_at, last_heartbeat, started_at) < :before LIMIT :piece)
    """),
    History.COMMANDS: text("""
        DELETE FROM testbed_command WHERE id IN (
            SELECT id FROM testbed_command WHERE ended_at < :before LIMIT :piece)
    """),
    # Of a file that is still there the scan sees that again, and intake that its run was pruned.
    History.WATCHED_FILES: text("""
        DELETE FROM fastmon_watched_file WHERE path IN (
            SELECT path FROM fastmon_watched_file WHERE taken_at < :before LIMIT :piece)
    """),
    History.SET_ASIDE_STFS: text("""
        DELETE FROM fastmon_inbox WHERE id IN (
            SELECT id FROM fastmon_inbox
            WHERE state = 'set_aside' AND received_at < :before ORDER BY id LIMIT :piece)
    """),
    # Of each run by the index, in its order: joined otherwise, each piece would read all rows.
    History.STFS: text("""
        WITH stf AS (
            SELECT file_id FROM fastmon_pruned_run
            JOIN swf_runs USING (run_number) CROSS JOIN LATERAL (
                SELECT file_id FROM swf_stf_files WHERE swf_stf_files.run_id = swf_runs.run_id
                ORDER BY created_at LIMIT :piece) AS oldest
            WHERE NOT is_empty LIMIT :piece),
        tf AS (DELETE FROM swf_fastmon_files USING stf WHERE stf_file_id = file_id)
        DELETE FROM swf_stf_files USING stf WHERE swf_stf_files.file_id = stf.file_id
    """),
    History.INBOX: text("""
        DELETE FROM fastmon_inbox WHERE id IN (
            SELECT oldest.id FROM fastmon_pruned_run
            JOIN fastmon_first_stf AS first USING (run_number) CROSS JOIN LATERAL (
                SELECT id FROM fastmon_inbox AS inbox
                WHERE inbox.namespace = first.namespace AND inbox.run_number = first.run_number
                  AND inbox.state <> 'waiting'
                ORDER BY received_at LIMIT :piece) AS oldest
            WHERE NOT is_empty LIMIT :piece)
    """),
    History.TALLIES: text("""
        DELETE FROM fastmon_tally WHERE (namespace, run_number, kind, at) IN (
            SELECT tally.namespace, tally.run_number, tally.kind, tally.at FROM fastmon_pruned_run
            JOIN fastmon_tally AS tally USING (run_number)
            WHERE NOT is_empty AND tally.at > '-infinity' LIMIT :piece)
    """),
    History.LOG_RECORDS: text("""
        DELETE FROM swf_applog WHERE id IN (
            SELECT id FROM swf_applog WHERE timestamp < :before ORDER BY timestamp LIMIT :piece)
    """),
    History.MESSAGES: text("""
        DELETE FROM swf_workflow_messages WHERE message_id IN (
            SELECT message_id FROM swf_workflow_messages WHERE sent_at < :before
            ORDER BY sent_at LIMIT :piece)
    """),
    # An agent names its subscriber after itself, once, and may then be heard for months.
    History.SUBSCRIBERS: text("""
        DELETE FROM swf_subscribers WHERE subscriber_id IN (
            SELECT subscriber_id FROM swf_subscribers AS subscriber
            WHERE greatest(updated_at, last_activity) < :before AND NOT EXISTS (
                SELECT FROM swf_systemagent WHERE last_heartbeat >= :before
                AND starts_with(subscriber.subscriber_name, instance_name || '-'))
            LIMIT :piece)
    """),
    History.AGENTS: text("""
        DELETE FROM swf_systemagent WHERE id IN (
            SELECT id FROM swf_systemagent
            WHERE coalesce(last_heartbeat, created_at) < :before LIMIT :piece)
    """),
    History.SEEN_MESSAGES: text("""
        DELETE FROM bus_seen WHERE digest IN (
            SELECT digest FROM bus_seen WHERE at < :before ORDER BY at LIMIT :piece)
    """),
    History.SETTLED_MESSAGES: text("""
        DELETE FROM bus_set_aside WHERE id IN (
            SELECT id FROM bus_set_aside
            WHERE state IN ('retried', 'dropped') AND settled_at < :before LIMIT :piece)
    """),
    # A summary goes after what it tells.
    History.NOTIFICATIONS: text("""
        DELETE FROM notification WHERE id IN (
            SELECT id FROM notification AS told
            WHERE at < :before AND state NOT IN ('pending', 'sending') AND NOT EXISTS (
                SELECT FROM notification WHERE summary_id = told.id AND at >= :before)
            ORDER BY at LIMIT :piece)
    """),
    History.ALARMS: text("""
        DELETE FROM notification_alarm WHERE id IN (
            SELECT id FROM notification_alarm WHERE ended_at < :before LIMIT :piece)
    """),
    History.SPENT_WATCHES: text("""
        DELETE FROM notification_watch WHERE id IN (
            SELECT id FROM notification_watch WHERE fired_at < :before LIMIT :piece)
    """),
    # What is open, or what an operator must decide, stays.
    History.ATTEMPTS: text("""
        DELETE FROM submission_attempt WHERE id IN (
            SELECT id FROM submission_attempt
            WHERE updated_at < :before AND state IN ('recorded', 'failed')
            ORDER BY id LIMIT :piece)
    """),
    History.OPERATIONS: text("""
        DELETE FROM panda_operation WHERE id IN (
            SELECT id FROM panda_operation
            WHERE coalesce(completed_at, sent_at, requested_at) < :before
              AND status <> 'running' LIMIT :piece)
    """),
    History.RESOLUTIONS: text("""
        DELETE FROM submission_resolution WHERE id IN (
            SELECT id FROM submission_resolution WHERE resolved_at < :before
            ORDER BY id LIMIT :piece)
    """),
    History.REQUEST_ENDS: text("""
        DELETE FROM notification_request_end WHERE id IN (
            SELECT id FROM notification_request_end WHERE at < :before ORDER BY id LIMIT :piece)
    """),
}


# The time of the newest row that is one too many, by the index that the deletion goes by.
_BEYOND: Final[dict[History, TextClause]] = {
    kind: text(f"SELECT {column} FROM {table} ORDER BY {column} DESC OFFSET :rows LIMIT 1")  # noqa: S608 - of constants
    for kind, (table, column) in {
        History.MESSAGES: ("swf_workflow_messages", "sent_at"),
        History.SEEN_MESSAGES: ("bus_seen", "at"),
        History.STATE_EVENTS: ("swf_system_state_events", "timestamp"),
        History.STF_WORKFLOWS: ("swf_stf_workflows", "created_at"),
        History.LOG_RECORDS: ("swf_applog", "timestamp"),
    }.items()
} | {
    History.WATCHED_FILES: text("""
        SELECT taken_at FROM fastmon_watched_file WHERE taken_at IS NOT NULL
        ORDER BY taken_at DESC OFFSET :rows LIMIT 1
    """),
}

_ROWS_A_PIECE: Final = {History.STFS: 8}
"""Of how many rows one of a piece stands for, where it is more than one."""
# The totals of the runs' tallies go on counting what is deleted.
_PRUNING: Final = text("SELECT set_config('prodops.is_pruning', 'on', true)")


def counted(session: Session, history: History, limit: Limit) -> Limit:
    """The limit with its number of rows as the time before which they go, where the kind has one.

    Rows of one time go or stay together: of those at the limit all stay.
    """
    if history not in _BEYOND or not limit.rows:
        return limit
    at = session.scalar(_BEYOND[history], {"rows": limit.rows})
    return limit if at is None else Limit(max(limit.before, at), limit.rows)


def delete_piece(session: Session, history: History, limit: Limit, *, rows: int) -> int | None:
    """Delete about so many rows, the oldest; gives how many, and None where nothing is left."""
    piece = max(1, rows // _ROWS_A_PIECE.get(history, 1))
    session.execute(_PRUNING)
    values = {"before": limit.before, "rows": limit.rows, "piece": piece}
    wanted = {name: values[name] for name in _DELETE[history].compile().params}
    number = session.connection().execute(_DELETE[history], wanted).rowcount
    return number or None


# A run as a whole, when the last of it is old, or when the newer ones have enough TF files.
_MARK_RUNS: Final = text("""
    WITH run AS (
        SELECT run_number,
               greatest(start_time, end_time, tally.last_at,
                        (SELECT max(created_at) FROM swf_stf_files AS stf
                         WHERE stf.run_id = swf_runs.run_id)) AS last_at,
               coalesce(tally.tfs, 0) AS tfs
        FROM swf_runs LEFT JOIN (
            SELECT run_number, max(last_at) AS last_at,
                   sum(number) FILTER (WHERE kind = 'tfs') AS tfs
            FROM fastmon_tally WHERE at = '-infinity' GROUP BY run_number) AS tally
          USING (run_number)
        WHERE NOT EXISTS (SELECT FROM fastmon_pruned_run AS pruned
                          WHERE pruned.run_number = swf_runs.run_number)),
    ranked AS (
        SELECT run_number, last_at, row_number() OVER newest AS place,
               sum(tfs) OVER newest AS tfs
        FROM run WINDOW newest AS (ORDER BY last_at DESC, run_number DESC))
    INSERT INTO fastmon_pruned_run (run_number, pruned_at)
    SELECT run_number, :at FROM ranked
    WHERE (last_at < :before OR (place > 1 AND tfs > :rows)) AND NOT EXISTS (
        SELECT FROM fastmon_inbox AS inbox
        WHERE inbox.state = 'waiting' AND inbox.run_number = ranked.run_number)
    ON CONFLICT DO NOTHING
""")
_NOTE_EMPTY: Final = text("""
    UPDATE fastmon_pruned_run AS pruned SET is_empty = true
    WHERE NOT is_empty AND NOT EXISTS (
        SELECT FROM swf_runs JOIN swf_stf_files USING (run_id)
        WHERE swf_runs.run_number = pruned.run_number)
""")


def mark_runs(session: Session, limit: Limit, *, at: datetime) -> int:
    """Note which runs' files are no longer kept, so that none is taken anew; gives their number."""
    values = {"before": limit.before, "rows": limit.rows, "at": at}
    return session.connection().execute(_MARK_RUNS, values).rowcount


def note_empty_runs(session: Session) -> None:
    """Note of which pruned runs no file is left."""
    session.execute(_NOTE_EMPTY)
