"""Payload logs: one row for each job whose log was asked for, which only the ops side writes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payload_log",
        sa.Column("pandaid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("jeditaskid", sa.BigInteger(), nullable=True),
        sa.Column("scope", sa.String(length=25), nullable=True),
        sa.Column("lfn", sa.String(length=250), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=20), server_default="", nullable=False),
        sa.Column("step_text", sa.Text(), server_default="", nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("rse", sa.String(length=100), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("adler32", sa.String(length=8), nullable=True),
        sa.Column(
            "members",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pandaid", name=op.f("payload_log_pkey")),
    )
    op.create_index("payload_log_fetched_idx", "payload_log", ["fetched_at"], unique=False)
    op.create_index("payload_log_task_idx", "payload_log", ["jeditaskid"], unique=False)
    op.execute("GRANT ALL ON payload_log TO prodops_ops")
    op.execute("GRANT SELECT ON payload_log TO prodops_web")


def downgrade() -> None:
    op.drop_table("payload_log")
