"""Payload logs: at which PanDA the job is, since its number alone names none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payload_log", sa.Column("panda_server", sa.String(length=300)))


def downgrade() -> None:
    op.drop_column("payload_log", "panda_server")
