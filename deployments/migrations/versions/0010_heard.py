"""When parts of the ops side and data-taking runs were last heard, quickly read by the web."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LIFECYCLE = sa.text(
    "msg_type IN ('run_imminent', 'start_run', 'pause_run', 'resume_run', 'end_run')"
)


def upgrade() -> None:
    op.create_table(
        "ops_part",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prefect_away_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("ops_part_pkey")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ops_part TO prodops_ops")
    op.execute("GRANT SELECT (kind, heard_at, prefect_away_since) ON ops_part TO prodops_web")

    op.drop_index("fastmon_inbox_run_idx", table_name="fastmon_inbox")
    op.create_index(
        "fastmon_inbox_run_idx", "fastmon_inbox", ["namespace", "run_number", "received_at"]
    )
    op.drop_index("swf_stf_files_run_id_idx", table_name="swf_stf_files")
    op.create_index("swf_stf_files_run_id_idx", "swf_stf_files", ["run_id", "created_at"])
    op.drop_index("event_lifecycle_idx", table_name="event")
    op.create_index("event_lifecycle_at_idx", "event", ["at"], postgresql_where=_LIFECYCLE)
    op.create_index(
        "event_lifecycle_run_idx", "event", ["run_id", "id"], postgresql_where=_LIFECYCLE
    )
