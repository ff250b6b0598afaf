"""What keeps a worker from working on requests is said with its heartbeat, for those who wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ops_part",
        sa.Column("wait_reasons", postgresql.JSONB(), server_default="[]", nullable=False),
    )
    op.execute("GRANT SELECT (wait_reasons) ON ops_part TO prodops_web")


def downgrade() -> None:
    op.drop_column("ops_part", "wait_reasons")
