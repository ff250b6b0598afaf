"""What AI assistants wrote about tasks, jobs, datasets and campaigns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COLUMNS = (
    "subject_type, subject_key, subject_label, subject_url, username, ai, assessment, data, "
    "is_linked, created_at"
)


def upgrade() -> None:
    op.create_table(
        "ai_assessment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject_type", sa.String(length=50), nullable=False),
        sa.Column("subject_key", sa.String(length=500), nullable=False),
        sa.Column("subject_label", sa.String(length=500), nullable=False),
        sa.Column("subject_url", sa.String(length=1000), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("ai", sa.String(length=200), nullable=False),
        sa.Column("assessment", sa.Text(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("is_linked", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_assessment_pkey")),
    )
    op.create_index(
        "ai_assessment_subject_idx", "ai_assessment", ["subject_type", "subject_key", "id"]
    )
    op.execute("GRANT ALL ON ai_assessment TO prodops_ops")
    op.execute(f"GRANT SELECT, INSERT ({_COLUMNS}) ON ai_assessment TO prodops_web")


def downgrade() -> None:
    op.drop_table("ai_assessment")
