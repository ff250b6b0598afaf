"""What is read of large tables is found by an index, or was counted when it came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
oldest_code = "0027"  # it only adds
branch_labels = None
depends_on = None

# Of these a page or list asks for few among very many.
_INDEXES = {
    "request_action_idx": ("request", ["action", "id"], None),
    "request_subject_idx": ("request", ["subject", "id"], None),
    "request_requested_by_idx": ("request", ["requested_by", "id"], None),
    "request_failed_idx": ("request", ["state", "id"], "state IN ('failed', 'cancelled')"),
    "request_finished_at_idx": ("request", ["finished_at"], "finished_at IS NOT NULL"),
    # Else the deletion of a request would read all others, for those that name it.
    "request_successor_id_idx": ("request", ["successor_id"], "successor_id IS NOT NULL"),
    "swf_stf_workflows_created_at_idx": ("swf_stf_workflows", ["created_at"], None),
    "swf_stf_files_status_idx": (
        "swf_stf_files",
        ["status", "created_at", "file_id"],
        "status <> 'processed'",
    ),
    "swf_fastmon_files_status_idx": (
        "swf_fastmon_files",
        ["status", "created_at", "tf_file_id"],
        "status <> 'registered'",
    ),
}

# A tenth of ten million rows is much to wait for: dead rows are cleared, and index-only reads made
# possible, after a bounded number of changes.
_STORAGE = (
    "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, "
    "autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 10000, "
    "autovacuum_analyze_scale_factor = 0.02"
)
_LARGE = ("event", "fastmon_inbox", "swf_stf_files", "swf_fastmon_files", "swf_applog", "request")

# How many rows came of a kind, for a run: as they came, and in bins of five seconds. What is
# pruned stays counted in the run's total.
_ADD = """
    INSERT INTO fastmon_tally AS tally
        (namespace, run_number, kind, at, number, volume_bytes, first_at, last_at)
    SELECT namespace, run_number, kind, coalesce(bin, '-infinity'), sum(number), sum(volume_bytes),
           min(came_at), max(came_at)
    FROM ({changes}) AS change,
         LATERAL (SELECT date_bin('5 seconds', came_at, 'epoch') AS bin) AS place
    WHERE run_number IS NOT NULL
    GROUP BY GROUPING SETS ((namespace, run_number, kind, bin), (namespace, run_number, kind))
    HAVING sum(number) <> 0 OR sum(volume_bytes) <> 0
    ORDER BY namespace, run_number, kind, coalesce(bin, '-infinity')
    ON CONFLICT (namespace, run_number, kind, at) DO UPDATE SET
        number = tally.number + excluded.number,
        volume_bytes = tally.volume_bytes + excluded.volume_bytes,
        first_at = least(tally.first_at, excluded.first_at),
        last_at = greatest(tally.last_at, excluded.last_at)
"""
_OF_INBOX = """
    SELECT namespace, run_number, kind, received_at AS came_at, {sign}1 AS number,
           0::bigint AS volume_bytes
    FROM {rows} AS inbox,
         LATERAL (SELECT 'announced' AS kind UNION ALL
                  SELECT 'sampled' WHERE inbox.state = 'sampled') AS of
"""
_OF_TFS = """
    SELECT coalesce(inbox.namespace, '') AS namespace, run.run_number, 'tfs' AS kind,
           tf.created_at AS came_at, {sign}1 AS number,
           {sign}coalesce(tf.file_size_bytes, 0) AS volume_bytes
    FROM {rows} AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run ON run.run_id = stf.run_id
    LEFT JOIN fastmon_inbox AS inbox
           ON inbox.stf_filename = stf.stf_filename AND inbox.state <> 'set_aside'
"""
_TALLIED = {"fastmon_inbox": _OF_INBOX, "swf_fastmon_files": _OF_TFS}

# Old parts may run: what they write between the count and its triggers would be in neither. The
# order is that in which a run writes, so that neither waits for the other.
_NO_WRITES = """
    LOCK TABLE swf_stf_workflows, swf_stf_files, swf_fastmon_files, fastmon_inbox, request
    IN SHARE ROW EXCLUSIVE MODE
"""


def _changes(rows_of: str, operation: str) -> str:
    parts = []
    if operation != "DELETE":
        parts.append(rows_of.format(sign="", rows="new_rows"))
    if operation != "INSERT":
        parts.append(rows_of.format(sign="-", rows="old_rows"))
    return " UNION ALL ".join(parts)


def _tally_as_rows_come(table: str, operation: str) -> None:
    """Have a statement's rows added to the tally, by the owner: the web role may not write it."""
    name = f"{table}_tally_{operation.lower()}"
    add = _ADD.format(changes=_changes(_TALLIED[table], operation))
    op.execute(f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND current_setting('prodops.is_pruning', true) = 'on' THEN
                RETURN NULL;
            END IF;
            {add};
            RETURN NULL;
        END $$
    """)
    op.execute(f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
    seen = {
        "INSERT": "NEW TABLE AS new_rows",
        "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "OLD TABLE AS old_rows",
    }[operation]
    op.execute(
        f"CREATE TRIGGER {name} AFTER {operation} ON {table} REFERENCING {seen} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def upgrade() -> None:
    op.execute(_NO_WRITES)
    op.create_table(
        "fastmon_tally",
        sa.Column("namespace", sa.String(100), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("volume_bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "namespace", "run_number", "kind", "at", name=op.f("fastmon_tally_pkey")
        ),
    )
    op.create_index(
        "fastmon_tally_last_at_idx",
        "fastmon_tally",
        ["kind", "last_at"],
        postgresql_where=sa.text("at = '-infinity'"),
    )
    op.create_table(
        "fastmon_pruned_run",
        sa.Column("run_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_empty", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("run_number", name=op.f("fastmon_pruned_run_pkey")),
    )
    for table in ("fastmon_tally", "fastmon_pruned_run"):
        op.execute(f"GRANT ALL ON {table} TO prodops_ops")
        op.execute(f"GRANT SELECT ON {table} TO prodops_web")
    for table, rows_of in _TALLIED.items():
        op.execute(_ADD.format(changes=rows_of.format(sign="", rows=table)))
        for operation in ("INSERT", "UPDATE", "DELETE"):
            _tally_as_rows_come(table, operation)
    for name, (table, columns, where) in _INDEXES.items():
        condition = None if where is None else sa.text(where)
        op.create_index(name, table, columns, postgresql_where=condition)
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} SET ({_STORAGE})")


def downgrade() -> None:
    names = ", ".join(each.partition(" = ")[0] for each in _STORAGE.split(", "))
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} RESET ({names})")
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table)
    for table in _TALLIED:
        for operation in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER {table}_tally_{operation} ON {table}")
            op.execute(f"DROP FUNCTION {table}_tally_{operation}()")
    op.drop_table("fastmon_pruned_run")
    op.drop_table("fastmon_tally")
