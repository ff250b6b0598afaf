"""Requests, events and fast monitoring, and the border between the two database roles.

The web role inserts requests, inbox rows and events, and writes the agents' tables; it reads the
rest. It can never write a request's state or result, nor a TF that the sampler made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROLES = tuple(
    f"""
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
            CREATE ROLE {role} NOLOGIN;
        END IF;
    END $$
    """
    for role in ("prodops_ops", "prodops_web")
)

_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO prodops_ops, prodops_web",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO prodops_ops",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO prodops_web",
    """GRANT INSERT (action, parameters, dedup_key, subject, requested_by, source, created_at)
       ON request TO prodops_web""",
    # Locking a row that one joins takes the privilege to update some column of it.
    "GRANT UPDATE (joined_at) ON request TO prodops_web",
    "GRANT INSERT ON cancellation, event, fastmon_first_stf TO prodops_web",
    """GRANT INSERT (namespace, stf_filename, run_number, is_first, message, state, reason,
       received_at) ON fastmon_inbox TO prodops_web""",
    """GRANT INSERT, UPDATE, DELETE ON swf_runs, swf_stf_files, swf_fastmon_files
       TO prodops_web""",
)

_ROW_BORDER = (
    "ALTER TABLE swf_fastmon_files ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY ops ON swf_fastmon_files TO prodops_ops USING (true) WITH CHECK (true)",
    "CREATE POLICY web_reads ON swf_fastmon_files FOR SELECT TO prodops_web USING (true)",
    """CREATE POLICY web_inserts ON swf_fastmon_files FOR INSERT TO prodops_web
       WITH CHECK (sampled_by IS NULL)""",
    """CREATE POLICY web_updates ON swf_fastmon_files FOR UPDATE TO prodops_web
       USING (sampled_by IS NULL) WITH CHECK (sampled_by IS NULL)""",
    """CREATE POLICY web_deletes ON swf_fastmon_files FOR DELETE TO prodops_web
       USING (sampled_by IS NULL)""",
    "ALTER TABLE fastmon_inbox ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY ops ON fastmon_inbox TO prodops_ops USING (true) WITH CHECK (true)",
    "CREATE POLICY web_reads ON fastmon_inbox FOR SELECT TO prodops_web USING (true)",
    """CREATE POLICY web_inserts ON fastmon_inbox FOR INSERT TO prodops_web
       WITH CHECK (state IN ('waiting', 'set_aside'))""",
)


def upgrade() -> None:
    _create_tables()
    for statement in (*_ROLES, *_GRANTS, *_ROW_BORDER):
        op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("owner", sa.String(length=150), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_token_pkey")),
        sa.UniqueConstraint("key_hash", name=op.f("api_token_key_hash_key")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("msg_type", sa.String(length=50), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("run_id", sa.String(length=50), nullable=True),
        sa.Column("processed_by", sa.String(length=100), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("flow_run_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("event_pkey")),
    )
    op.create_index("event_at_idx", "event", ["at"], unique=False)
    op.create_index(
        "event_lifecycle_idx",
        "event",
        ["id"],
        unique=False,
        postgresql_where=sa.text(
            "msg_type IN ('run_imminent', 'start_run', 'pause_run', 'resume_run', 'end_run')"
        ),
    )
    op.create_index("event_request_idx", "event", ["request_id"], unique=False)
    op.create_table(
        "fastmon_first_stf",
        sa.Column("namespace", sa.String(length=100), nullable=False),
        sa.Column("run_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stf_filename", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "run_number", name=op.f("fastmon_first_stf_pkey")),
    )
    op.create_table(
        "fastmon_inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("namespace", sa.String(length=100), server_default="", nullable=False),
        sa.Column("stf_filename", sa.String(length=255), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=True),
        sa.Column("is_first", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("message", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("fastmon_inbox_pkey")),
    )
    op.create_index(
        "fastmon_inbox_aside_idx",
        "fastmon_inbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'set_aside'"),
    )
    op.create_index(
        "fastmon_inbox_stf_filename_idx", "fastmon_inbox", ["stf_filename"], unique=False
    )
    op.create_index(
        "fastmon_inbox_name_key", "fastmon_inbox", ["namespace", "stf_filename"], unique=True
    )
    op.create_index(
        "fastmon_inbox_owner_key",
        "fastmon_inbox",
        ["stf_filename"],
        unique=True,
        postgresql_where=sa.text("state <> 'set_aside'"),
    )
    op.create_index(
        "fastmon_inbox_run_idx", "fastmon_inbox", ["namespace", "run_number"], unique=False
    )
    op.create_index(
        "fastmon_inbox_waiting_idx",
        "fastmon_inbox",
        ["namespace", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "fastmon_lease",
        sa.Column("namespace", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("namespace", name=op.f("fastmon_lease_pkey")),
    )
    op.create_table(
        "fastmon_watched_file",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unchanged_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("fastmon_watched_file_pkey")),
    )
    op.create_table(
        "relayed_state",
        sa.Column("state_id", sa.Uuid(), nullable=False),
        sa.Column("flow_run_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_id", name=op.f("relayed_state_pkey")),
    )
    op.create_index("relayed_state_at_idx", "relayed_state", ["at"], unique=False)
    op.create_table(
        "request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.String(length=150), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="queued", nullable=False),
        sa.Column("successor_id", sa.BigInteger(), nullable=True),
        sa.Column("flow_run_id", sa.Uuid(), nullable=True),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["successor_id"],
            ["request.id"],
            name=op.f("request_successor_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("request_pkey")),
    )
    op.create_index("request_created_at_idx", "request", ["created_at"], unique=False)
    op.create_index("request_flow_run_idx", "request", ["flow_run_id"], unique=False)
    op.create_index(
        "request_open_idx",
        "request",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'claimed', 'running', 'unknown')"),
    )
    op.create_index(
        "request_open_key",
        "request",
        ["action", "dedup_key"],
        unique=True,
        postgresql_where=sa.text(
            "state IN ('queued', 'claimed', 'running', 'unknown') AND successor_id IS NULL"
        ),
    )
    op.create_table(
        "swf_runs",
        sa.Column("run_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_conditions", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("swf_runs_pkey")),
        sa.UniqueConstraint("run_number", name=op.f("swf_runs_run_number_key")),
    )
    op.create_table(
        "cancellation",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", sa.String(length=150), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
            name=op.f("cancellation_request_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("cancellation_pkey")),
    )
    op.create_table(
        "swf_stf_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("machine_state", sa.String(length=64), nullable=False),
        sa.Column("stf_filename", sa.String(length=255), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("daq_state", sa.String(length=20), nullable=True),
        sa.Column("daq_substate", sa.String(length=20), nullable=True),
        sa.Column("workflow_status", sa.String(length=30), nullable=True),
        sa.Column("tf_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["swf_runs.run_id"],
            name=op.f("swf_stf_files_run_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("swf_stf_files_pkey")),
        sa.UniqueConstraint("stf_filename", name=op.f("swf_stf_files_stf_filename_key")),
    )
    op.create_index("swf_stf_files_created_at_idx", "swf_stf_files", ["created_at"], unique=False)
    op.create_index("swf_stf_files_run_id_idx", "swf_stf_files", ["run_id"], unique=False)
    op.create_table(
        "swf_fastmon_files",
        sa.Column("tf_file_id", sa.Uuid(), nullable=False),
        sa.Column("stf_file_id", sa.Uuid(), nullable=False),
        sa.Column("tf_filename", sa.String(length=255), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tf_count", sa.Integer(), nullable=True),
        sa.Column("tf_first", sa.Integer(), nullable=True),
        sa.Column("tf_last", sa.Integer(), nullable=True),
        sa.Column("sampled_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["stf_file_id"],
            ["swf_stf_files.file_id"],
            name=op.f("swf_fastmon_files_stf_file_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tf_file_id", name=op.f("swf_fastmon_files_pkey")),
        sa.UniqueConstraint("tf_filename", name=op.f("swf_fastmon_files_tf_filename_key")),
    )
    op.create_index(
        "swf_fastmon_files_created_at_idx", "swf_fastmon_files", ["created_at"], unique=False
    )
    op.create_index(
        "swf_fastmon_files_stf_file_id_idx", "swf_fastmon_files", ["stf_file_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("swf_fastmon_files_stf_file_id_idx", table_name="swf_fastmon_files")
    op.drop_index("swf_fastmon_files_created_at_idx", table_name="swf_fastmon_files")
    op.drop_table("swf_fastmon_files")
    op.drop_index("swf_stf_files_run_id_idx", table_name="swf_stf_files")
    op.drop_index("swf_stf_files_created_at_idx", table_name="swf_stf_files")
    op.drop_table("swf_stf_files")
    op.drop_table("cancellation")
    op.drop_table("swf_runs")
    op.drop_index(
        "request_open_key",
        table_name="request",
        postgresql_where=sa.text(
            "state IN ('queued', 'claimed', 'running', 'unknown') AND successor_id IS NULL"
        ),
    )
    op.drop_index(
        "request_open_idx",
        table_name="request",
        postgresql_where=sa.text("state IN ('queued', 'claimed', 'running', 'unknown')"),
    )
    op.drop_index("request_flow_run_idx", table_name="request")
    op.drop_index("request_created_at_idx", table_name="request")
    op.drop_table("request")
    op.drop_index("relayed_state_at_idx", table_name="relayed_state")
    op.drop_table("relayed_state")
    op.drop_table("fastmon_watched_file")
    op.drop_table("fastmon_lease")
    op.drop_index(
        "fastmon_inbox_waiting_idx",
        table_name="fastmon_inbox",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index("fastmon_inbox_run_idx", table_name="fastmon_inbox")
    op.drop_index(
        "fastmon_inbox_owner_key",
        table_name="fastmon_inbox",
        postgresql_where=sa.text("state <> 'set_aside'"),
    )
    op.drop_index("fastmon_inbox_name_key", table_name="fastmon_inbox")
    op.drop_table("fastmon_inbox")
    op.drop_table("fastmon_first_stf")
    op.drop_index("event_request_idx", table_name="event")
    op.drop_index("event_at_idx", table_name="event")
    op.drop_table("event")
    op.drop_table("api_token")
