"""Prefect: what was registered there, and how far its event feed has our events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registered_deployment",
        sa.Column("pool", sa.String(255), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digests", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pool", "name", name=op.f("registered_deployment_pkey")),
    )
    op.create_table(
        "feed_position",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("feed_position_pkey")),
    )
    op.execute("GRANT ALL ON registered_deployment, feed_position TO prodops_ops")


def downgrade() -> None:
    op.drop_table("feed_position")
    op.drop_table("registered_deployment")
