"""Provenance: what was requested, what Rucio holds; only the ops side writes it.

The outputs of PCS's tasks are now seen through these tables: pcs_output goes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_OBJECT = sa.text("'{}'::jsonb")
_LIST = sa.text("'[]'::jsonb")
_CREATED = (
    "provenance_campaign",
    "provenance_dataset",
    "provenance_file",
    "provenance_path",
    "provenance_match",
    "provenance_release",
    "provenance_arrivals",
    "provenance_report",
    "provenance_live_did",
)


def upgrade() -> None:
    op.drop_table("pcs_output")
    _create_sweep()
    _create_produced()
    _create_requested()
    _create_looks()
    tables = ", ".join(_CREATED)
    op.execute(f"GRANT ALL ON {tables} TO prodops_ops")
    op.execute(f"GRANT SELECT ON {tables} TO prodops_web")


def _create_sweep() -> None:
    op.create_table(
        "provenance_campaign",
        sa.Column("campaign", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempted_at", _TIME, nullable=False),
        sa.Column("checked_at", _TIME, nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default=_OBJECT, nullable=False),
        sa.PrimaryKeyConstraint("campaign", name=op.f("provenance_campaign_pkey")),
    )
    op.create_table(
        "provenance_release",
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("datasets", sa.Integer(), nullable=False),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("provenance_release_pkey")),
    )


def _create_produced() -> None:
    op.create_table(
        "provenance_dataset",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("scope", sa.String(length=25), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("campaign", sa.String(length=100), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("detector_config", sa.String(length=100), nullable=False),
        sa.Column("suffix", sa.String(length=250), nullable=False),
        sa.Column("background", sa.String(length=250), server_default="", nullable=False),
        sa.Column("length", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=True),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False),
        sa.Column("rses", postgresql.JSONB(), server_default=_LIST, nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("arrived_at", _TIME, nullable=True),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.Column("owner_path", sa.String(length=500), nullable=True),
        sa.Column("owner_task", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("provenance_dataset_pkey")),
        sa.UniqueConstraint("scope", "name", name=op.f("provenance_dataset_scope_name_key")),
    )
    for name, columns in {
        "provenance_dataset_campaign_idx": ["campaign", "stage"],
        "provenance_dataset_owner_idx": ["owner_task"],
        "provenance_dataset_arrived_idx": ["arrived_at"],
    }.items():
        op.create_index(name, "provenance_dataset", columns, unique=False)
    op.create_table(
        "provenance_file",
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("adler32", sa.String(length=8), nullable=True),
        _of_dataset("provenance_file"),
        sa.PrimaryKeyConstraint("dataset_id", "name", name=op.f("provenance_file_pkey")),
    )


def _create_requested() -> None:
    op.create_table(
        "provenance_path",
        sa.Column("campaign", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("suffix", sa.String(length=500), nullable=False),
        sa.Column("finding", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("checked_at", _TIME, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("requestor", sa.String(length=100), server_default="", nullable=False),
        sa.Column("tasks", postgresql.JSONB(), server_default=_LIST, nullable=False),
        sa.Column("campaign_tasks", postgresql.JSONB(), server_default=_LIST, nullable=False),
        sa.PrimaryKeyConstraint("campaign", "path", name=op.f("provenance_path_pkey")),
    )
    op.create_table(
        "provenance_match",
        sa.Column("campaign", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(length=12), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=True),
        _of_dataset("provenance_match"),
        sa.PrimaryKeyConstraint(
            "campaign", "path", "dataset_id", name=op.f("provenance_match_pkey")
        ),
    )
    op.create_index(
        "provenance_match_dataset_idx", "provenance_match", ["dataset_id"], unique=False
    )


def _create_looks() -> None:
    op.create_table(
        "provenance_arrivals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("window_start", _TIME, nullable=False),
        sa.Column("swept_at", _TIME, nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("by_campaign", postgresql.JSONB(), server_default=_OBJECT, nullable=False),
        sa.Column("recent", postgresql.JSONB(), server_default=_LIST, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("provenance_arrivals_pkey")),
    )
    op.create_table(
        "provenance_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign", sa.String(length=100), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("previous_id", sa.BigInteger(), nullable=True),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.Column("mail_begun_at", _TIME, nullable=True),
        sa.Column("mailed_at", _TIME, nullable=True),
        sa.Column("mail_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("provenance_report_pkey")),
        sa.UniqueConstraint("request_id", name=op.f("provenance_report_request_id_key")),
    )
    op.create_index(
        "provenance_report_campaign_idx", "provenance_report", ["campaign", "id"], unique=False
    )
    op.create_table(
        "provenance_live_did",
        sa.Column("scope", sa.String(length=25), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("is_there", sa.Boolean(), nullable=False),
        sa.Column("body", postgresql.JSONB(), server_default=_OBJECT, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("read_at", _TIME, nullable=True),
        sa.Column("attempted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("provenance_live_did_pkey")),
    )


def _of_dataset(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["dataset_id"],
        ["provenance_dataset.id"],
        name=op.f(f"{table}_dataset_id_fkey"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in reversed(_CREATED):
        op.drop_table(table)
    op.create_table(
        "pcs_output",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("prod_task_id", sa.Integer(), nullable=False),
        sa.Column("did", sa.String(length=500), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("filters", postgresql.JSONB(), server_default=_OBJECT, nullable=False),
        sa.Column("rses", postgresql.JSONB(), server_default=_LIST, nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("checked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["prod_task_id"], ["pcs_prod_task.id"], name=op.f("pcs_output_prod_task_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_output_pkey")),
        sa.UniqueConstraint("prod_task_id", "did", name=op.f("pcs_output_prod_task_id_did_key")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON pcs_output TO prodops_ops")
    op.execute("GRANT SELECT ON pcs_output TO prodops_web")
