"""How and why it is produced: configurations, requests, tasks and their attempts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from api.pcs.models.datasets import NO_OBJECT, NO_TEXT, Campaign, Changeable, Dataset
from flows.common.database import AwareTime, Base, now
from flows.provenance.models import ProducedDataset


class TaskStatus(StrEnum):
    """Where a production task stands (ops contract section 2.3)."""

    DRAFT = "draft"
    READY = "ready"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"
    PAST_OUTPUT = "past_output"


class Association(StrEnum):
    """How an attempt came to be known."""

    PCS_SUBMIT_REQUEST = "pcs_submit_request"
    RECORD_SUBMISSION = "record_submission"
    DYNAMIC_TASKNAME_MATCH = "dynamic_taskname_match"


class ProdConfig(Changeable, Base):
    """How tasks run: image, site, jobs, and what `data` adds."""

    __tablename__ = "pcs_prod_config"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    bg_mixing: Mapped[bool] = mapped_column(default=False)
    bg_cross_section: Mapped[str] = mapped_column(String(200), default="")
    bg_evtgen_file: Mapped[str] = mapped_column(String(500), default="")
    copy_reco: Mapped[bool] = mapped_column(default=True)
    copy_full: Mapped[bool] = mapped_column(default=False)
    copy_log: Mapped[bool] = mapped_column(default=True)
    use_rucio: Mapped[bool] = mapped_column(default=True)
    jug_xl_tag: Mapped[str] = mapped_column(String(100), default="")
    container_image: Mapped[str] = mapped_column(String(500), default="")
    target_hours_per_job: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    events_per_task: Mapped[int | None]
    condor_template: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    panda_site: Mapped[str] = mapped_column(String(200), default="")
    panda_queue: Mapped[str] = mapped_column(String(200), default="")
    panda_working_group: Mapped[str] = mapped_column(String(100), default="")
    panda_resource_type: Mapped[str] = mapped_column(String(100), default="")
    rucio_rse: Mapped[str] = mapped_column(String(200), default="")
    rucio_replication_rules: Mapped[Any | None] = mapped_column(JSONB)
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ProdRequest(Changeable, Base):
    """A request to produce something; its statuses are free text."""

    __tablename__ = "pcs_prod_request"
    __table_args__ = (Index("pcs_prod_request_source_row_idx", "source_row"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    requestor: Mapped[str] = mapped_column(String(100), default="")
    simu_path: Mapped[str] = mapped_column(String(500), default="")
    gen_config: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    nevents: Mapped[int | None] = mapped_column(BigInteger)
    background: Mapped[str] = mapped_column(String(200), default="")
    priority: Mapped[int | None]
    pre_tdr_use: Mapped[bool] = mapped_column(default=False)
    early_science_use: Mapped[bool] = mapped_column(default=False)
    other_use: Mapped[bool] = mapped_column(default=False)
    new_request: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(20), default="new")
    source_url: Mapped[str] = mapped_column(String(500), default="")
    source_row: Mapped[str] = mapped_column(String(100), default="")
    input_status: Mapped[str] = mapped_column(String(100), default="")
    rucio_source: Mapped[str] = mapped_column(String(300), default="")
    validation_status: Mapped[str] = mapped_column(String(100), default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=NO_OBJECT)


class ProdTask(Changeable, Base):
    """A production task. `panda_task_id` points to the attempt that stands for it."""

    __tablename__ = "pcs_prod_task"
    __table_args__ = (
        Index("pcs_prod_task_dataset_idx", "dataset_id"),
        Index("pcs_prod_task_prod_config_idx", "prod_config_id"),
        Index("pcs_prod_task_status_idx", "status"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    status: Mapped[TaskStatus] = mapped_column(String(20), default=TaskStatus.DRAFT)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("pcs_dataset.id"))
    prod_config_id: Mapped[int] = mapped_column(ForeignKey("pcs_prod_config.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_campaign.id"))
    request_id: Mapped[int | None] = mapped_column(
        ForeignKey("pcs_prod_request.id", ondelete="SET NULL")
    )
    requestor: Mapped[str] = mapped_column(String(100), default="")
    priority: Mapped[int | None]
    pre_tdr_use: Mapped[bool] = mapped_column(default=False)
    early_science_use: Mapped[bool] = mapped_column(default=False)
    other_use: Mapped[bool] = mapped_column(default=False)
    new_request: Mapped[bool] = mapped_column(default=False)
    csv_file: Mapped[str] = mapped_column(String(500), default="")
    # What was set for this task only.
    overrides: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    condor_command: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    panda_command: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    panda_task_id: Mapped[int | None] = mapped_column(BigInteger)
    condor_cluster_id: Mapped[str] = mapped_column(String(100), default="")

    dataset: Mapped[Dataset] = relationship()
    prod_config: Mapped[ProdConfig] = relationship()
    campaign: Mapped[Campaign | None] = relationship()
    attempts: Mapped[list[Attempt]] = relationship(
        back_populates="task", order_by="Attempt.try_number"
    )
    # What the last sweeps found of it; peers read them as part of `overrides`.
    outputs: Mapped[list[ProducedDataset]] = relationship(
        primaryjoin=lambda: foreign(ProducedDataset.owner_task) == ProdTask.name,
        order_by=lambda: (ProducedDataset.campaign, ProducedDataset.stage, ProducedDataset.name),
        viewonly=True,
    )


class Attempt(Base):
    """One intent to have a task at PanDA, under a name that is never used again."""

    __tablename__ = "pcs_panda_tasks"
    __table_args__ = (
        UniqueConstraint("prod_task_id", "try_number"),
        CheckConstraint("try_number >= 1", name="try_number"),
        Index(
            "pcs_panda_tasks_jedi_task_id_key",
            "jedi_task_id",
            unique=True,
            postgresql_where=text("jedi_task_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    prod_task_id: Mapped[int] = mapped_column(ForeignKey("pcs_prod_task.id"))
    try_number: Mapped[int]
    jedi_task_id: Mapped[int | None] = mapped_column(BigInteger)
    task_name: Mapped[str] = mapped_column(String(300), unique=True)
    out_ds: Mapped[str] = mapped_column(String(300), default="")
    log_ds: Mapped[str] = mapped_column(String(310), default="")
    site: Mapped[str] = mapped_column(String(200), default="")
    status_snapshot: Mapped[str] = mapped_column(String(50), default="")
    association_source: Mapped[Association] = mapped_column(String(50))
    match_reason: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    # "metadata" is taken by the models' base.
    meta: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JSONB, default=dict, server_default=NO_OBJECT
    )
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)

    task: Mapped[ProdTask] = relationship(back_populates="attempts")
