"""Whose a task at PanDA is and at which server, what differs there, and operators' decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPEN_INDEX = "submission_attempt_open_key"
_OPEN = "state IN ('claimed', 'sending', 'unknown', 'created', 'refused')"
_OPEN_OR_UNRESOLVED = (
    "state IN ('claimed', 'sending', 'unknown', 'created', 'refused', 'unresolved')"
)
_TABLES = "panda_remark, submission_resolution"


def upgrade() -> None:
    for column in (
        sa.Column("panda_user", sa.String(length=200)),
        sa.Column("panda_server", sa.String(length=300)),
        sa.Column("differs", sa.Text(), server_default="", nullable=False),
    ):
        op.add_column("submission_attempt", column)
    _index_open(_OPEN_OR_UNRESOLVED)
    op.create_table(
        "panda_remark",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("task_name", sa.String(length=300), nullable=False),
        sa.Column("panda_name", sa.String(length=300), nullable=False),
        sa.Column("jedi_task_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("panda_remark_pkey")),
    )
    op.create_index(
        "panda_remark_open_key",
        "panda_remark",
        ["task_name", "jedi_task_id", "kind"],
        unique=True,
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "submission_resolution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("task_name", sa.String(length=300), nullable=False),
        sa.Column("panda_name", sa.String(length=300), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("jedi_task_id", sa.BigInteger(), nullable=True),
        sa.Column("former_jedi_task_id", sa.BigInteger(), nullable=True),
        sa.Column("panda_user", sa.String(length=200), nullable=True),
        sa.Column("panda_server", sa.String(length=300), nullable=True),
        sa.Column("differs", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("resolved_by", sa.String(length=150), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("submission_resolution_pkey")),
    )
    op.create_index(
        "submission_resolution_request_key", "submission_resolution", ["request_id"], unique=True
    )
    op.create_index("submission_resolution_task_idx", "submission_resolution", ["task_name", "id"])
    op.execute(f"GRANT ALL ON {_TABLES} TO prodops_ops")
    op.execute(f"GRANT SELECT ON {_TABLES} TO prodops_web")


def downgrade() -> None:
    op.drop_table("submission_resolution")
    op.drop_table("panda_remark")
    op.execute("UPDATE submission_attempt SET state = 'unknown' WHERE state = 'unresolved'")
    _index_open(_OPEN)
    for name in ("differs", "panda_server", "panda_user"):
        op.drop_column("submission_attempt", name)


def _index_open(condition: str) -> None:
    op.drop_index(_OPEN_INDEX, table_name="submission_attempt")
    op.create_index(
        _OPEN_INDEX,
        "submission_attempt",
        ["task_name"],
        unique=True,
        postgresql_where=sa.text(condition),
    )
