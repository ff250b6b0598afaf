"""The embedded Production Configuration System, and who writes what of it.

The web role writes it all but the outputs of tasks, which the ops side's provenance sweep sees.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WRITTEN_BY_BOTH = (
    "pcs_campaign",
    "pcs_dataset",
    "pcs_panda_tasks",
    "pcs_physics_category",
    "pcs_prod_config",
    "pcs_prod_request",
    "pcs_prod_task",
    "pcs_tag",
    "pcs_tag_counter",
)
_GRANTS = (
    *(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO prodops_ops, prodops_web"
        for table in _WRITTEN_BY_BOTH
    ),
    "GRANT SELECT, INSERT, UPDATE, DELETE ON pcs_output TO prodops_ops",
    "GRANT SELECT ON pcs_output TO prodops_web",
)


def upgrade() -> None:
    _create_catalogue()
    _create_production()
    for statement in _GRANTS:
        op.execute(statement)


def _create_catalogue() -> None:
    op.create_table(
        "pcs_campaign",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("lifecycle", sa.String(length=20), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("clone_of_id", sa.Integer(), nullable=True),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clone_of_id"], ["pcs_campaign.id"], name=op.f("pcs_campaign_clone_of_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_campaign_pkey")),
        sa.UniqueConstraint("name", name=op.f("pcs_campaign_name_key")),
    )
    op.create_index(
        "pcs_campaign_current_key",
        "pcs_campaign",
        ["lifecycle"],
        unique=True,
        postgresql_where=sa.text("lifecycle = 'current'"),
    )
    op.create_table(
        "pcs_physics_category",
        sa.Column("digit", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("digit BETWEEN 1 AND 9", name=op.f("pcs_physics_category_digit_check")),
        sa.PrimaryKeyConstraint("digit", name=op.f("pcs_physics_category_pkey")),
        sa.UniqueConstraint("name", name=op.f("pcs_physics_category_name_key")),
    )
    op.create_table(
        "pcs_tag_counter",
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pcs_tag_counter_pkey")),
    )
    op.create_table(
        "pcs_tag",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("tag_number", sa.Integer(), nullable=False),
        sa.Column("tag_label", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("category_digit", sa.SmallInteger(), nullable=True),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'p') = (category_digit IS NOT NULL)", name=op.f("pcs_tag_category_check")
        ),
        sa.ForeignKeyConstraint(
            ["category_digit"],
            ["pcs_physics_category.digit"],
            name=op.f("pcs_tag_category_digit_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_tag_pkey")),
        sa.UniqueConstraint("kind", "tag_number", name=op.f("pcs_tag_kind_tag_number_key")),
        sa.UniqueConstraint("tag_label", name=op.f("pcs_tag_tag_label_key")),
    )
    op.create_table(
        "pcs_dataset",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("dataset_name", sa.String(length=255), nullable=False),
        sa.Column("composed_name", sa.String(length=255), nullable=False),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("detector_version", sa.String(length=50), nullable=False),
        sa.Column("detector_config", sa.String(length=100), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("physics_tag_id", sa.Integer(), nullable=True),
        sa.Column("evgen_tag_id", sa.Integer(), nullable=True),
        sa.Column("simu_tag_id", sa.Integer(), nullable=True),
        sa.Column("reco_tag_id", sa.Integer(), nullable=True),
        sa.Column("background_tag_id", sa.Integer(), nullable=True),
        sa.Column("sample_name", sa.String(length=120), nullable=False),
        sa.Column("block_num", sa.Integer(), nullable=False),
        sa.Column("blocks", sa.Integer(), nullable=False),
        sa.Column("did", sa.String(length=400), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=True),
        sa.Column("data_size", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("source_kind", sa.String(length=20), nullable=True),
        sa.Column("source_location", sa.String(length=1000), nullable=True),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("block_num >= 0", name=op.f("pcs_dataset_block_num_check")),
        sa.ForeignKeyConstraint(
            ["background_tag_id"], ["pcs_tag.id"], name=op.f("pcs_dataset_background_tag_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["pcs_campaign.id"], name=op.f("pcs_dataset_campaign_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["evgen_tag_id"], ["pcs_tag.id"], name=op.f("pcs_dataset_evgen_tag_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["physics_tag_id"], ["pcs_tag.id"], name=op.f("pcs_dataset_physics_tag_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["reco_tag_id"], ["pcs_tag.id"], name=op.f("pcs_dataset_reco_tag_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["simu_tag_id"], ["pcs_tag.id"], name=op.f("pcs_dataset_simu_tag_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_dataset_pkey")),
        sa.UniqueConstraint(
            "dataset_name", "block_num", name=op.f("pcs_dataset_dataset_name_block_num_key")
        ),
        sa.UniqueConstraint("did", name=op.f("pcs_dataset_did_key")),
    )
    op.create_index("pcs_dataset_composed_name_idx", "pcs_dataset", ["composed_name"], unique=False)
    op.create_index(
        "pcs_dataset_source_idx", "pcs_dataset", ["source_kind", "source_location"], unique=False
    )


def _create_production() -> None:
    op.create_table(
        "pcs_prod_config",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("bg_mixing", sa.Boolean(), nullable=False),
        sa.Column("bg_cross_section", sa.String(length=200), nullable=False),
        sa.Column("bg_evtgen_file", sa.String(length=500), nullable=False),
        sa.Column("copy_reco", sa.Boolean(), nullable=False),
        sa.Column("copy_full", sa.Boolean(), nullable=False),
        sa.Column("copy_log", sa.Boolean(), nullable=False),
        sa.Column("use_rucio", sa.Boolean(), nullable=False),
        sa.Column("jug_xl_tag", sa.String(length=100), nullable=False),
        sa.Column("container_image", sa.String(length=500), nullable=False),
        sa.Column("target_hours_per_job", sa.Numeric(precision=6, scale=2), nullable=True),
        sa.Column("events_per_task", sa.Integer(), nullable=True),
        sa.Column("condor_template", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("panda_site", sa.String(length=200), nullable=False),
        sa.Column("panda_queue", sa.String(length=200), nullable=False),
        sa.Column("panda_working_group", sa.String(length=100), nullable=False),
        sa.Column("panda_resource_type", sa.String(length=100), nullable=False),
        sa.Column("rucio_rse", sa.String(length=200), nullable=False),
        sa.Column(
            "rucio_replication_rules", postgresql.JSONB(astext_type=sa.Text()), nullable=True
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_prod_config_pkey")),
        sa.UniqueConstraint("name", name=op.f("pcs_prod_config_name_key")),
    )
    op.create_table(
        "pcs_prod_request",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("requestor", sa.String(length=100), nullable=False),
        sa.Column("simu_path", sa.String(length=500), nullable=False),
        sa.Column("gen_config", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("nevents", sa.BigInteger(), nullable=True),
        sa.Column("background", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("pre_tdr_use", sa.Boolean(), nullable=False),
        sa.Column("early_science_use", sa.Boolean(), nullable=False),
        sa.Column("other_use", sa.Boolean(), nullable=False),
        sa.Column("new_request", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("source_url", sa.String(length=500), nullable=False),
        sa.Column("source_row", sa.String(length=100), nullable=False),
        sa.Column("input_status", sa.String(length=100), nullable=False),
        sa.Column("rucio_source", sa.String(length=300), nullable=False),
        sa.Column("validation_status", sa.String(length=100), nullable=False),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_prod_request_pkey")),
    )
    op.create_index(
        "pcs_prod_request_source_row_idx", "pcs_prod_request", ["source_row"], unique=False
    )
    op.create_table(
        "pcs_prod_task",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("prod_config_id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("requestor", sa.String(length=100), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("pre_tdr_use", sa.Boolean(), nullable=False),
        sa.Column("early_science_use", sa.Boolean(), nullable=False),
        sa.Column("other_use", sa.Boolean(), nullable=False),
        sa.Column("new_request", sa.Boolean(), nullable=False),
        sa.Column("csv_file", sa.String(length=500), nullable=False),
        sa.Column("overrides", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("condor_command", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("panda_command", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("panda_task_id", sa.BigInteger(), nullable=True),
        sa.Column("condor_cluster_id", sa.String(length=100), nullable=False),
        sa.Column("created_by", sa.String(length=150), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["pcs_campaign.id"], name=op.f("pcs_prod_task_campaign_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["pcs_dataset.id"], name=op.f("pcs_prod_task_dataset_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["prod_config_id"],
            ["pcs_prod_config.id"],
            name=op.f("pcs_prod_task_prod_config_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["pcs_prod_request.id"],
            name=op.f("pcs_prod_task_request_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_prod_task_pkey")),
        sa.UniqueConstraint("name", name=op.f("pcs_prod_task_name_key")),
    )
    op.create_index("pcs_prod_task_dataset_idx", "pcs_prod_task", ["dataset_id"], unique=False)
    op.create_index(
        "pcs_prod_task_prod_config_idx", "pcs_prod_task", ["prod_config_id"], unique=False
    )
    op.create_index("pcs_prod_task_status_idx", "pcs_prod_task", ["status"], unique=False)
    op.create_table(
        "pcs_output",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("prod_task_id", sa.Integer(), nullable=False),
        sa.Column("did", sa.String(length=500), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column(
            "filters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "rses",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["prod_task_id"], ["pcs_prod_task.id"], name=op.f("pcs_output_prod_task_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_output_pkey")),
        sa.UniqueConstraint("prod_task_id", "did", name=op.f("pcs_output_prod_task_id_did_key")),
    )
    op.create_table(
        "pcs_panda_tasks",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("prod_task_id", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("jedi_task_id", sa.BigInteger(), nullable=True),
        sa.Column("task_name", sa.String(length=300), nullable=False),
        sa.Column("out_ds", sa.String(length=300), nullable=False),
        sa.Column("log_ds", sa.String(length=310), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("status_snapshot", sa.String(length=50), nullable=False),
        sa.Column("association_source", sa.String(length=50), nullable=False),
        sa.Column("match_reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("try_number >= 1", name=op.f("pcs_panda_tasks_try_number_check")),
        sa.ForeignKeyConstraint(
            ["prod_task_id"], ["pcs_prod_task.id"], name=op.f("pcs_panda_tasks_prod_task_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pcs_panda_tasks_pkey")),
        sa.UniqueConstraint(
            "prod_task_id", "try_number", name=op.f("pcs_panda_tasks_prod_task_id_try_number_key")
        ),
        sa.UniqueConstraint("task_name", name=op.f("pcs_panda_tasks_task_name_key")),
    )
    op.create_index(
        "pcs_panda_tasks_jedi_task_id_key",
        "pcs_panda_tasks",
        ["jedi_task_id"],
        unique=True,
        postgresql_where=sa.text("jedi_task_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "pcs_panda_tasks_jedi_task_id_key",
        table_name="pcs_panda_tasks",
        postgresql_where=sa.text("jedi_task_id IS NOT NULL"),
    )
    op.drop_table("pcs_panda_tasks")
    op.drop_table("pcs_output")
    op.drop_index("pcs_prod_task_status_idx", table_name="pcs_prod_task")
    op.drop_index("pcs_prod_task_prod_config_idx", table_name="pcs_prod_task")
    op.drop_index("pcs_prod_task_dataset_idx", table_name="pcs_prod_task")
    op.drop_table("pcs_prod_task")
    op.drop_index("pcs_dataset_source_idx", table_name="pcs_dataset")
    op.drop_index("pcs_dataset_composed_name_idx", table_name="pcs_dataset")
    op.drop_table("pcs_dataset")
    op.drop_table("pcs_tag")
    op.drop_table("pcs_tag_counter")
    op.drop_index("pcs_prod_request_source_row_idx", table_name="pcs_prod_request")
    op.drop_table("pcs_prod_request")
    op.drop_table("pcs_prod_config")
    op.drop_table("pcs_physics_category")
    op.drop_index(
        "pcs_campaign_current_key",
        table_name="pcs_campaign",
        postgresql_where=sa.text("lifecycle = 'current'"),
    )
    op.drop_table("pcs_campaign")
