"""Submission: attempts at PanDA and operations on live tasks, which only the ops side writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPEN = "state IN ('claimed', 'sending', 'unknown', 'created', 'refused')"
_TABLES = "submission_attempt, panda_operation"


def upgrade() -> None:
    op.add_column("cancellation", sa.Column("served_at", sa.DateTime(timezone=True)))
    op.create_table(
        "submission_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_name", sa.String(length=300), nullable=False),
        sa.Column("panda_name", sa.String(length=300), nullable=False),
        sa.Column("panda_tasks_id", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(length=150), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="claimed", nullable=False),
        sa.Column("step", sa.String(length=20), server_default="claim", nullable=False),
        sa.Column(
            "arguments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
        ),
        sa.Column(
            "files", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("sends", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("checks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sender_host", sa.String(length=200), nullable=True),
        sa.Column("sender_session", sa.Integer(), nullable=True),
        sa.Column("jedi_task_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("submission_attempt_pkey")),
    )
    op.create_index(
        "submission_attempt_name_key", "submission_attempt", ["panda_name"], unique=True
    )
    op.create_index(
        "submission_attempt_open_key",
        "submission_attempt",
        ["task_name"],
        unique=True,
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index(
        "submission_attempt_task_idx", "submission_attempt", ["task_name", "id"], unique=False
    )
    op.create_table(
        "panda_operation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("jedi_task_id", sa.BigInteger(), nullable=False),
        sa.Column("task_name", sa.String(length=300), nullable=False),
        sa.Column("operation", sa.String(length=30), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(length=150), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("observed_before", sa.String(length=50), nullable=True),
        sa.Column("observed_status", sa.String(length=50), nullable=True),
        sa.Column("diagnostic", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("panda_operation_pkey")),
    )
    op.create_index("panda_operation_request_key", "panda_operation", ["request_id"], unique=True)
    op.create_index(
        "panda_operation_task_idx",
        "panda_operation",
        ["jedi_task_id", "requested_at"],
        unique=False,
    )
    op.execute(f"GRANT ALL ON {_TABLES} TO prodops_ops")
    op.execute(f"GRANT SELECT ON {_TABLES} TO prodops_web")


def downgrade() -> None:
    op.drop_table("panda_operation")
    op.drop_table("submission_attempt")
    op.drop_column("cancellation", "served_at")
