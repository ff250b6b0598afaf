"""The agents' REST: agents, logs, counters, workflows, TF slices and the states of runs.

The tables are the original monitor's. The web role writes them for the agents; keys that the
database hands out are its own. Events are found by the execution that they are of, and in the order
of their times, as the list of messages shows them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = (
    "swf_systemagent",
    "swf_subscribers",
    "swf_applog",
    "swf_namespace",
    "swf_persistent_state",
    "swf_workflow_definitions",
    "swf_workflow_executions",
    "swf_stf_workflows",
    "swf_agent_workflow_stages",
    "swf_workflow_messages",
    "swf_tf_slices",
    "swf_run_state",
    "swf_system_state_events",
    "swf_workers",
)
_FIXED = {
    "swf_applog": "*",  # a record is what it is
    "swf_namespace": "*",
    "swf_workflow_executions": "execution_id",
    "swf_run_state": "run_number",
    "swf_workers": "worker_id",
    "swf_persistent_state": "id",
}
"""What the web role inserts and never changes; `created_at` is such a column anywhere."""
_KEPT = {"swf_namespace", "swf_persistent_state"}
"""Tables of which the web role deletes no row."""


def upgrade() -> None:
    _create_agents()
    _create_state()
    _create_executions()
    _create_workflows()
    _create_data_taking()
    _index_events()
    for name in _TABLES:
        op.execute(f"GRANT ALL ON {name} TO prodops_ops")
        _grant_web(name)


def _grant_web(name: str) -> None:
    """Let the web role read the table, and write what the agents send."""
    table = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind(), resolve_fks=False)
    inserted = [each.name for each in table.columns if each.identity is None]
    fixed = _FIXED.get(name, "")
    changed = [each for each in inserted if each not in {fixed, "created_at"} and fixed != "*"]
    op.execute(f"GRANT SELECT, INSERT ({_names(inserted)}) ON {name} TO prodops_web")
    if changed:
        op.execute(f"GRANT UPDATE ({_names(changed)}) ON {name} TO prodops_web")
    if name not in _KEPT:
        op.execute(f"GRANT DELETE ON {name} TO prodops_web")


def _names(columns: list[str]) -> str:
    return ", ".join(f'"{each}"' for each in columns)


def _create_agents() -> None:
    op.create_table(
        "swf_systemagent",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance_name", sa.String(length=100), nullable=False),
        sa.Column("agent_type", sa.String(length=30), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("last_heartbeat", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_url", sa.String(length=200), nullable=True),
        sa.Column("workflow_enabled", sa.Boolean(), nullable=False),
        sa.Column("current_stf_count", sa.Integer(), nullable=False),
        sa.Column("total_stf_processed", sa.Integer(), nullable=False),
        sa.Column("last_stf_processed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("hostname", sa.String(length=100), nullable=True),
        sa.Column("operational_state", sa.String(length=20), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("mq_connected", sa.Boolean(), nullable=True),
        sa.Column("other_pid", sa.Integer(), nullable=True),
        sa.Column("other_hostname", sa.String(length=100), nullable=True),
        sa.Column("other_heartbeat", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("swf_systemagent_pkey")),
        sa.UniqueConstraint("instance_name", name=op.f("swf_systemagent_instance_name_key")),
    )
    op.create_index(
        op.f("swf_systemagent_namespace_idx"), "swf_systemagent", ["namespace"], unique=False
    )
    op.create_table(
        "swf_subscribers",
        sa.Column("subscriber_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("subscriber_name", sa.String(length=255), nullable=False),
        sa.Column("fraction", sa.Float(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery_type", sa.String(length=20), nullable=False),
        sa.Column("client_ip", postgresql.INET(), nullable=True),
        sa.Column("client_location", sa.String(length=255), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_activity", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("messages_received", sa.Integer(), nullable=False),
        sa.Column("messages_sent", sa.Integer(), nullable=False),
        sa.Column("messages_dropped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("swf_subscribers_pkey")),
        sa.UniqueConstraint("subscriber_name", name=op.f("swf_subscribers_subscriber_name_key")),
    )
    op.create_table(
        "swf_applog",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("app_name", sa.String(length=100), nullable=False),
        sa.Column("instance_name", sa.String(length=100), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("levelname", sa.String(length=50), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("module", sa.String(length=255), nullable=False),
        sa.Column("funcname", sa.String(length=255), nullable=False),
        sa.Column("lineno", sa.Integer(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("thread", sa.BigInteger(), nullable=False),
        sa.Column("extra_data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("swf_applog_pkey")),
    )
    op.create_index(
        "swf_applog_errors_idx",
        "swf_applog",
        ["app_name", "instance_name", "timestamp"],
        unique=False,
        postgresql_where=sa.text("levelname IN ('ERROR', 'CRITICAL')"),
    )
    op.create_index(
        "swf_applog_instance_name_idx", "swf_applog", ["instance_name", "id"], unique=False
    )
    op.create_index("swf_applog_timestamp_idx", "swf_applog", ["timestamp"], unique=False)


def _create_state() -> None:
    op.create_table(
        "swf_namespace",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("swf_namespace_pkey")),
    )
    op.create_table(
        "swf_persistent_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state_data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("swf_persistent_state_is_only_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("swf_persistent_state_pkey")),
    )


def _create_executions() -> None:
    op.create_table(
        "swf_workflow_definitions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workflow_name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("workflow_type", sa.String(length=100), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("parameter_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("swf_workflow_definitions_pkey")),
        sa.UniqueConstraint(
            "workflow_name",
            "version",
            name=op.f("swf_workflow_definitions_workflow_name_version_key"),
        ),
    )
    op.create_table(
        "swf_workflow_executions",
        sa.Column("execution_id", sa.String(length=100), nullable=False),
        sa.Column("workflow_definition_id", sa.BigInteger(), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("parameter_values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("performance_metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("executed_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_definition_id"],
            ["swf_workflow_definitions.id"],
            name=op.f("swf_workflow_executions_workflow_definition_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("swf_workflow_executions_pkey")),
    )
    op.create_index(
        op.f("swf_workflow_executions_namespace_idx"),
        "swf_workflow_executions",
        ["namespace"],
        unique=False,
    )
    op.create_index(
        "swf_workflow_executions_start_time_idx",
        "swf_workflow_executions",
        ["start_time"],
        unique=False,
    )
    op.create_index(
        op.f("swf_workflow_executions_workflow_definition_id_idx"),
        "swf_workflow_executions",
        ["workflow_definition_id"],
        unique=False,
    )


def _create_workflows() -> None:
    op.create_table(
        "swf_stf_workflows",
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("execution_id", sa.String(length=100), nullable=True),
        sa.Column("run_id", sa.String(length=50), nullable=True),
        sa.Column("daq_state", sa.String(length=20), nullable=False),
        sa.Column("daq_substate", sa.String(length=20), nullable=False),
        sa.Column("generated_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stf_start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stf_end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_status", sa.String(length=30), nullable=False),
        sa.Column("current_agent", sa.String(length=20), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("stf_metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workflow_id", name=op.f("swf_stf_workflows_pkey")),
        sa.UniqueConstraint("filename", name=op.f("swf_stf_workflows_filename_key")),
    )
    op.create_index(
        op.f("swf_stf_workflows_run_id_idx"), "swf_stf_workflows", ["run_id"], unique=False
    )
    op.create_table(
        "swf_agent_workflow_stages",
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("agent_name", sa.String(length=100), nullable=False),
        sa.Column("agent_type", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processing_time_seconds", sa.Float(), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("input_message", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("output_message", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("stage_metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["swf_stf_workflows.workflow_id"],
            name=op.f("swf_agent_workflow_stages_workflow_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("stage_id", name=op.f("swf_agent_workflow_stages_pkey")),
        sa.UniqueConstraint(
            "workflow_id",
            "agent_name",
            "agent_type",
            name=op.f("swf_agent_workflow_stages_workflow_id_agent_name_agent_type_key"),
        ),
    )
    op.create_table(
        "swf_workflow_messages",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_type", sa.String(length=50), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("sender_agent", sa.String(length=100), nullable=True),
        sa.Column("sender_type", sa.String(length=20), nullable=True),
        sa.Column("recipient_agent", sa.String(length=100), nullable=True),
        sa.Column("recipient_type", sa.String(length=20), nullable=True),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("execution_id", sa.String(length=100), nullable=True),
        sa.Column("run_id", sa.String(length=50), nullable=True),
        sa.Column("message_content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message_metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_successful", sa.Boolean(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("queue_name", sa.String(length=100), nullable=True),
        sa.Column("correlation_id", sa.String(length=100), nullable=True),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("stage_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["stage_id"],
            ["swf_agent_workflow_stages.stage_id"],
            name=op.f("swf_workflow_messages_stage_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["swf_stf_workflows.workflow_id"],
            name=op.f("swf_workflow_messages_workflow_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("swf_workflow_messages_pkey")),
    )
    op.create_index(
        "swf_workflow_messages_execution_id_idx",
        "swf_workflow_messages",
        ["execution_id"],
        unique=False,
    )
    op.create_index(
        "swf_workflow_messages_run_id_idx", "swf_workflow_messages", ["run_id"], unique=False
    )
    op.create_index(
        "swf_workflow_messages_sent_at_idx",
        "swf_workflow_messages",
        ["sent_at", "number"],
        unique=False,
    )
    op.create_index(
        op.f("swf_workflow_messages_stage_id_idx"),
        "swf_workflow_messages",
        ["stage_id"],
        unique=False,
    )
    op.create_index(
        op.f("swf_workflow_messages_workflow_id_idx"),
        "swf_workflow_messages",
        ["workflow_id"],
        unique=False,
    )


def _create_data_taking() -> None:
    op.create_table(
        "swf_tf_slices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("fastmon_file_id", sa.Uuid(), nullable=False),
        sa.Column("tf_filename", sa.String(length=255), nullable=True),
        sa.Column("slice_id", sa.Integer(), nullable=False),
        sa.Column("tf_first", sa.Integer(), nullable=False),
        sa.Column("tf_last", sa.Integer(), nullable=False),
        sa.Column("tf_count", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_worker", sa.String(length=255), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["fastmon_file_id"],
            ["swf_fastmon_files.tf_file_id"],
            name=op.f("swf_tf_slices_fastmon_file_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("swf_tf_slices_pkey")),
        sa.UniqueConstraint(
            "fastmon_file_id", "slice_id", name=op.f("swf_tf_slices_fastmon_file_id_slice_id_key")
        ),
    )
    op.create_index(
        "swf_tf_slices_run_number_idx", "swf_tf_slices", ["run_number", "status"], unique=False
    )
    op.create_index("swf_tf_slices_tf_filename_idx", "swf_tf_slices", ["tf_filename"], unique=False)
    op.create_table(
        "swf_run_state",
        sa.Column("run_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("substate", sa.String(length=20), nullable=True),
        sa.Column("target_worker_count", sa.Integer(), nullable=False),
        sa.Column("active_worker_count", sa.Integer(), nullable=False),
        sa.Column("stf_samples_received", sa.Integer(), nullable=False),
        sa.Column("slices_created", sa.Integer(), nullable=False),
        sa.Column("slices_queued", sa.Integer(), nullable=False),
        sa.Column("slices_processing", sa.Integer(), nullable=False),
        sa.Column("slices_completed", sa.Integer(), nullable=False),
        sa.Column("slices_failed", sa.Integer(), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("run_number", name=op.f("swf_run_state_pkey")),
    )
    op.create_table(
        "swf_system_state_events",
        sa.Column("event_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("event_type", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("substate", sa.String(length=20), nullable=True),
        sa.Column("event_data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("swf_system_state_events_pkey")),
    )
    op.create_index(
        "swf_system_state_events_run_number_idx",
        "swf_system_state_events",
        ["run_number", "event_id"],
        unique=False,
    )
    op.create_index(
        "swf_system_state_events_timestamp_idx",
        "swf_system_state_events",
        ["timestamp"],
        unique=False,
    )
    op.create_table(
        "swf_workers",
        sa.Column("worker_id", sa.String(length=255), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("panda_job", sa.String(length=255), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("current_slice_id", sa.Integer(), nullable=True),
        sa.Column("tf_filename", sa.String(length=255), nullable=True),
        sa.Column("slices_completed", sa.Integer(), nullable=False),
        sa.Column("last_heartbeat", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("swf_workers_pkey")),
    )
    op.create_index(
        "swf_workers_run_number_idx", "swf_workers", ["run_number", "status"], unique=False
    )


def _index_events() -> None:
    op.add_column("event", sa.Column("execution_id", sa.String(length=100), nullable=True))
    op.execute("GRANT INSERT (execution_id) ON event TO prodops_web")
    op.execute("""
        UPDATE event SET execution_id = left(payload ->> 'execution_id', 100)
        WHERE payload ->> 'execution_id' IS NOT NULL
    """)
    op.create_index(
        "event_execution_idx",
        "event",
        ["execution_id", "at", "id"],
        postgresql_where=sa.text("execution_id IS NOT NULL"),
    )
    op.drop_index("event_at_idx", table_name="event")
    op.create_index("event_at_idx", "event", ["at", "id"])


def downgrade() -> None:
    op.drop_index("event_at_idx", table_name="event")
    op.create_index("event_at_idx", "event", ["at"])
    op.drop_index("event_execution_idx", table_name="event")
    op.drop_column("event", "execution_id")
    for name in reversed(_TABLES):
        op.drop_table(name)
