"""Watched files are found by when they were taken: their number is bounded, too."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
oldest_code = "0027"  # it only adds
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("fastmon_watched_file_taken_at_idx", "fastmon_watched_file", ["taken_at"])


def downgrade() -> None:
    op.drop_index("fastmon_watched_file_taken_at_idx", "fastmon_watched_file")
