"""Where all files of a dataset are, what contradicts in Rucio's counts, and what totals count.

Rows of before are as their sweep left them until the next one: what was incomplete stays so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "provenance_dataset"
_FILL = """
    UPDATE provenance_dataset SET
        counted_files = file_count,
        counted_bytes = file_bytes,
        availability = CASE WHEN is_complete THEN 'complete' ELSE 'incomplete' END
"""


def upgrade() -> None:
    empty = sa.text("'[]'::jsonb")
    op.add_column(_TABLE, sa.Column("counted_files", sa.Integer()))
    op.add_column(_TABLE, sa.Column("counted_bytes", sa.BigInteger()))
    op.add_column(_TABLE, sa.Column("availability", sa.String(length=12)))
    op.add_column(
        _TABLE, sa.Column("contradictions", JSONB(), server_default=empty, nullable=False)
    )
    op.execute(_FILL)
    for name in ("counted_files", "counted_bytes", "availability"):
        op.alter_column(_TABLE, name, nullable=False)
    op.drop_column(_TABLE, "is_complete")
