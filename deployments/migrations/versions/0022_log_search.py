"""Log records are found by time, part, level, request and run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ABOUT = {"request": "request_id", "flow_run": "flow_run_id"}


def upgrade() -> None:
    op.drop_index("swf_applog_timestamp_idx", table_name="swf_applog")
    op.create_index("swf_applog_timestamp_idx", "swf_applog", ["timestamp", "id"])
    op.create_index("swf_applog_app_name_idx", "swf_applog", ["app_name", "timestamp", "id"])
    op.create_index(
        "swf_applog_problems_idx",
        "swf_applog",
        ["timestamp", "id"],
        postgresql_where=sa.text("level >= 30"),
    )
    for name, key in _ABOUT.items():
        value = sa.text(f"(extra_data ->> '{key}')")
        op.create_index(
            f"swf_applog_{name}_idx",
            "swf_applog",
            [value, "timestamp", "id"],
            postgresql_where=sa.text(f"(extra_data ->> '{key}') IS NOT NULL"),
        )


def downgrade() -> None:
    for name in ("app_name", "problems", *_ABOUT):
        op.drop_index(f"swf_applog_{name}_idx", table_name="swf_applog")
    op.drop_index("swf_applog_timestamp_idx", table_name="swf_applog")
    op.create_index("swf_applog_timestamp_idx", "swf_applog", ["timestamp"])
