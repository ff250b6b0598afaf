"""What assistants look for: slices by their time, and the log records of an execution."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("swf_tf_slices_created_at_idx", "swf_tf_slices", ["created_at"])
    op.execute("""
        CREATE INDEX swf_applog_execution_idx
        ON swf_applog ((extra_data ->> 'execution_id'), timestamp)
        WHERE (extra_data ->> 'execution_id') IS NOT NULL
    """)


def downgrade() -> None:
    op.drop_index("swf_applog_execution_idx")
    op.drop_index("swf_tf_slices_created_at_idx")
