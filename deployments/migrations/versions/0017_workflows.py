"""Workflows' runs: how far each has come, so that a later attempt goes on, and who stops it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workflow_run",
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.String(length=100), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(length=100), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stfs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tick", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_run_ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("stop_requested_by", sa.String(length=150), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name=op.f("workflow_run_pkey")),
        sa.UniqueConstraint("execution_id", name=op.f("workflow_run_execution_id_key")),
    )
    op.create_index(
        "workflow_run_open_idx",
        "workflow_run",
        ["namespace"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute("GRANT ALL ON workflow_run TO prodops_ops")
    # The gates of `run_workflow` and `stop_workflow` look at what runs.
    op.execute("GRANT SELECT ON workflow_run TO prodops_web")


def downgrade() -> None:
    op.drop_table("workflow_run")
