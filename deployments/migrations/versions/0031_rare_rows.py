"""Rows that are rare among very many are found by an index, whichever filter asks for them.

The TF files of a run are looked for in the time that its tally names: it follows what is moved.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
oldest_code = "0027"  # it only adds, and columns to two indexes
branch_labels = None
depends_on = None

_FAILED = "state IN ('failed', 'cancelled')"
_NEW = {
    "swf_applog_level_idx": ("swf_applog", ["level", "id"], None),
    "swf_applog_levelname_idx": ("swf_applog", ["levelname", "id"], None),
    "swf_applog_part_problems_idx": ("swf_applog", ["app_name", "timestamp", "id"], "level >= 30"),
    "notification_state_idx": ("notification", ["state", "id"], None),
    "notification_outcome_idx": ("notification", ["outcome", "id"], None),
    "notification_name_idx": ("notification", ["name", "id"], None),
    "notification_subject_idx": ("notification", ["subject", "id"], None),
    "request_failed_action_idx": ("request", ["state", "action", "id"], _FAILED),
    "swf_workflow_executions_status_idx": (
        "swf_workflow_executions",
        ["status", "start_time", "execution_id"],
        None,
    ),
    "fastmon_tally_run_idx": ("fastmon_tally", ["run_number", "kind"], "at = '-infinity'"),
}
# In the order of the list, with what else is asked for: that is looked at in the index alone.
_WIDER = {
    "request_failed_idx": ("request", ["state", "id", "requested_by"], _FAILED),
    "request_requested_by_idx": ("request", ["requested_by", "id", "action"], None),
}
_NARROWER = {
    "request_failed_idx": ("request", ["state", "id"], _FAILED),
    "request_requested_by_idx": ("request", ["requested_by", "id"], None),
}

# As in 0028: added to the totals, and to the bins of five seconds.
_ADD = """
    INSERT INTO fastmon_tally AS tally
        (namespace, run_number, kind, at, number, volume_bytes, first_at, last_at)
    SELECT namespace, run_number, 'tfs', coalesce(bin, '-infinity'), sum(number),
           sum(volume_bytes), min(came_at), max(came_at)
    FROM (
        SELECT coalesce(inbox.namespace, '') AS namespace, change.run_number, change.number,
               tf.created_at AS came_at,
               change.number * coalesce(tf.file_size_bytes, 0) AS volume_bytes
        FROM swf_stf_files AS stf
        JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
        LEFT JOIN fastmon_inbox AS inbox
               ON inbox.stf_filename = stf.stf_filename AND inbox.state <> 'set_aside'
        CROSS JOIN (VALUES ({old}, -1), ({new}, 1)) AS change (run_number, number)
        WHERE {stfs}) AS moved,
         LATERAL (SELECT date_bin('5 seconds', came_at, 'epoch') AS bin) AS place
    GROUP BY GROUPING SETS ((namespace, run_number, bin), (namespace, run_number))
    ORDER BY namespace, run_number, coalesce(bin, '-infinity')
    ON CONFLICT (namespace, run_number, kind, at) DO UPDATE SET
        number = tally.number + excluded.number,
        volume_bytes = tally.volume_bytes + excluded.volume_bytes,
        first_at = least(tally.first_at, excluded.first_at),
        last_at = greatest(tally.last_at, excluded.last_at)
"""
_NUMBER = "(SELECT run_number FROM swf_runs WHERE run_id = {row}.run_id)"
_MOVES = {
    "swf_stf_files": (
        "run_id",
        _ADD.format(
            stfs="stf.file_id = NEW.file_id",
            old=_NUMBER.format(row="OLD"),
            new=_NUMBER.format(row="NEW"),
        ),
    ),
    "swf_runs": (
        "run_number",
        _ADD.format(stfs="stf.run_id = NEW.run_id", old="OLD.run_number", new="NEW.run_number"),
    ),
}

Indexes = dict[str, tuple[str, list[str], str | None]]


def _create(indexes: Indexes) -> None:
    for name, (table, columns, where) in indexes.items():
        condition = None if where is None else sa.text(where)
        op.create_index(name, table, columns, postgresql_where=condition)


def _drop(indexes: Indexes) -> None:
    for name, (table, _, _) in indexes.items():
        op.drop_index(name, table)


def _follow(table: str, column: str, add: str) -> None:
    """Have the tally follow TFs to another run, by the owner: the web role may not write it."""
    op.execute(f"""
        CREATE FUNCTION {table}_tally_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp AS $$
        BEGIN
            {add};
            RETURN NULL;
        END $$
    """)
    op.execute(f"REVOKE ALL ON FUNCTION {table}_tally_move() FROM PUBLIC")
    op.execute(
        f"CREATE TRIGGER {table}_tally_move AFTER UPDATE OF {column} ON {table} FOR EACH ROW "
        f"WHEN (NEW.{column} IS DISTINCT FROM OLD.{column}) "
        f"EXECUTE FUNCTION {table}_tally_move()"
    )


def upgrade() -> None:
    _drop(_NARROWER)
    _create(_WIDER)
    _create(_NEW)
    for table, (column, add) in _MOVES.items():
        _follow(table, column, add)


def downgrade() -> None:
    for table in _MOVES:
        op.execute(f"DROP TRIGGER {table}_tally_move ON {table}")
        op.execute(f"DROP FUNCTION {table}_tally_move()")
    _drop(_NEW)
    _drop(_WIDER)
    _create(_NARROWER)
