"""Alarms, and when a part of the ops side was last started anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notification_alarm",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("about", sa.String(length=500), server_default="", nullable=False),
        sa.Column("owner", sa.String(length=150), server_default="", nullable=False),
        sa.Column("campaign", sa.String(length=100), server_default="", nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("action_taken", sa.Text(), server_default="", nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_alarm_pkey")),
    )
    op.create_index(
        "notification_alarm_open_key",
        "notification_alarm",
        ["rule_id", "kind", "about"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("notification_alarm_began_at_idx", "notification_alarm", ["began_at"])
    op.execute("GRANT ALL ON notification_alarm TO prodops_ops")
    op.execute("GRANT SELECT ON notification_alarm TO prodops_web")
    for name in ("started_at", "restarted_at"):
        op.add_column("ops_part", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.execute("GRANT SELECT (started_at, restarted_at) ON ops_part TO prodops_web")


def downgrade() -> None:
    for name in ("restarted_at", "started_at"):
        op.drop_column("ops_part", name)
    op.drop_table("notification_alarm")
