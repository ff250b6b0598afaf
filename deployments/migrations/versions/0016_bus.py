"""The message bus: messages that were taken or set aside, and how far events are published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_GRANTS = (
    "GRANT ALL ON bus_seen, bus_set_aside, bus_position TO prodops_ops",
    "GRANT SELECT ON bus_set_aside, bus_position TO prodops_web",
    "GRANT INSERT (origin) ON event TO prodops_web",
    "GRANT SELECT (name, details) ON ops_part TO prodops_web",
)


def upgrade() -> None:
    op.add_column("event", sa.Column("origin", sa.String(20), nullable=True))
    op.add_column(
        "ops_part", sa.Column("details", postgresql.JSONB(), server_default="{}", nullable=False)
    )
    op.create_table(
        "bus_seen",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("bus_seen_pkey")),
    )
    op.create_index("bus_seen_at_idx", "bus_seen", ["at"])
    op.create_table(
        "bus_set_aside",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destination", sa.String(255), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("settled_by", sa.String(150), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("bus_set_aside_pkey")),
    )
    op.create_index(
        "bus_set_aside_open_idx",
        "bus_set_aside",
        ["id"],
        postgresql_where=sa.text("state IN ('open', 'retry')"),
    )
    op.create_table(
        "bus_position",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("instance", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("bus_position_pkey")),
    )
    for statement in _GRANTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("bus_position")
    op.drop_table("bus_set_aside")
    op.drop_table("bus_seen")
    op.drop_column("ops_part", "details")
    op.drop_column("event", "origin")
