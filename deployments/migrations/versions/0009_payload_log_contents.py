"""Payload logs: whose word the log's name is, and what of its archive is not shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of the rows that are there nobody knows it: they are looked up anew.
    op.add_column(
        "payload_log",
        sa.Column("located_by", sa.String(length=10), server_default="", nullable=False),
    )
    op.add_column(
        "payload_log",
        sa.Column(
            "unshown",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column(
        "payload_log",
        sa.Column("unshown_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )


def downgrade() -> None:
    for name in ("unshown_count", "unshown", "located_by"):
        op.drop_column("payload_log", name)
