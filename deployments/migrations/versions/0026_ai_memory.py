"""What was said between users and their AI assistants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_COLUMNS = "username, session_id, role, content, namespace, project_path, created_at"


def upgrade() -> None:
    op.create_table(
        "ai_memory",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("session_id", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=True),
        sa.Column("project_path", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_memory_pkey")),
    )
    op.create_index("ai_memory_username_idx", "ai_memory", ["username", "id"])
    op.execute("GRANT ALL ON ai_memory TO prodops_ops")
    op.execute(f"GRANT SELECT, DELETE, INSERT ({_COLUMNS}) ON ai_memory TO prodops_web")


def downgrade() -> None:
    op.drop_table("ai_memory")
