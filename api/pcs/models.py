"""Tables of the embedded Production Configuration System (columns: ops contract section 2.2)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from flows.common.database import AwareTime, Base, now
from flows.common.loaders import JsonObject
from flows.provenance.models import ProducedDataset
from flows.submission.domain.inputs import IN_PART, lost_in_words

_NO_OBJECT: Final = text("'{}'::jsonb")
_NO_TEXT: Final = text("''")


class TagKind(StrEnum):
    """What a tag fixes; its letter begins the tag's label."""

    PHYSICS = "p"
    EVGEN = "e"
    SIMU = "s"
    RECO = "r"
    BACKGROUND = "k"

    @property
    def word(self) -> str:
        """The kind as texts spell it."""
        return self.name.lower()

    @property
    def field(self) -> str:
        """Name of a dataset's field for a tag of the kind."""
        return f"{self.word}_tag"


class TagStatus(StrEnum):
    """A tag is locked once, permanently."""

    DRAFT = "draft"
    LOCKED = "locked"


class Lifecycle(StrEnum):
    """Where a campaign stands; at most one is current, and others may still be produced."""

    FUTURE = "future"
    CURRENT = "current"
    PRODUCING = "producing"
    LAST = "last"
    PAST = "past"


class Owned:
    """Columns of what somebody made."""

    description: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
    created_by: Mapped[str] = mapped_column(String(150))
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class Changeable(Owned):
    """Columns of what somebody made and may change, by its key."""

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


# ------------------------------------------------------------------ what is produced


class PhysicsCategory(Owned, Base):
    """A family of physics processes; its digit begins the numbers of its physics tags."""

    __tablename__ = "pcs_physics_category"
    __table_args__ = (CheckConstraint("digit BETWEEN 1 AND 9", name="digit"),)

    digit: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class Tag(Changeable, Base):
    """A named, numbered set of parameters."""

    __tablename__ = "pcs_tag"
    __table_args__ = (
        UniqueConstraint("kind", "tag_number"),
        CheckConstraint("(kind = 'p') = (category_digit IS NOT NULL)", name="category"),
    )

    kind: Mapped[TagKind] = mapped_column(String(1))
    tag_number: Mapped[int]
    tag_label: Mapped[str] = mapped_column(String(10), unique=True)
    status: Mapped[TagStatus] = mapped_column(String(10), default=TagStatus.DRAFT)
    category_digit: Mapped[int | None] = mapped_column(ForeignKey("pcs_physics_category.digit"))
    parameters: Mapped[dict[str, Any]] = mapped_column(JsonObject, server_default=_NO_OBJECT)

    category: Mapped[PhysicsCategory | None] = relationship()


class TagCounter(Base):
    """The last number that was given to a tag of a kind; its row is locked while one is taken."""

    __tablename__ = "pcs_tag_counter"

    kind: Mapped[TagKind] = mapped_column(String(1), primary_key=True)
    last_number: Mapped[int]


class Campaign(Changeable, Base):
    """A production campaign, named after its software release."""

    __tablename__ = "pcs_campaign"
    __table_args__ = (
        Index(
            "pcs_campaign_current_key",
            "lifecycle",
            unique=True,
            postgresql_where=text("lifecycle = 'current'"),
        ),
    )

    name: Mapped[str] = mapped_column(String(100), unique=True)
    lifecycle: Mapped[Lifecycle] = mapped_column(String(20), default=Lifecycle.FUTURE)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    clone_of_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_campaign.id"))
    data: Mapped[dict[str, Any]] = mapped_column(
        JsonObject, default=dict, server_default=_NO_OBJECT
    )


SOURCE_KINDS: Final = ("csv_manifest", "path", "url", "rucio_did", "file_list")
"""What a dataset can be taken in from."""


class Dataset(Owned, Base):
    """A block of a dataset; one that lacks a tag was taken in from outside and names nothing."""

    __tablename__ = "pcs_dataset"
    __table_args__ = (
        UniqueConstraint("dataset_name", "block_num"),
        Index("pcs_dataset_composed_name_idx", "composed_name"),
        Index("pcs_dataset_source_idx", "source_kind", "source_location"),
        CheckConstraint("block_num >= 0", name="block_num"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    dataset_name: Mapped[str] = mapped_column(String(255))
    composed_name: Mapped[str] = mapped_column(String(255))
    scope: Mapped[str] = mapped_column(String(100))
    detector_version: Mapped[str] = mapped_column(String(50), default="")
    detector_config: Mapped[str] = mapped_column(String(100), default="")
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_campaign.id"))
    physics_tag_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_tag.id"))
    evgen_tag_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_tag.id"))
    simu_tag_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_tag.id"))
    reco_tag_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_tag.id"))
    background_tag_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_tag.id"))
    sample_name: Mapped[str] = mapped_column(String(120), default="")
    block_num: Mapped[int] = mapped_column(default=1)
    blocks: Mapped[int] = mapped_column(default=1)
    did: Mapped[str] = mapped_column(String(400), unique=True)
    file_count: Mapped[int | None]
    data_size: Mapped[int | None] = mapped_column(BigInteger)
    # "metadata" is taken by the models' base.
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonObject)
    # Where it was taken in from, as in metadata.source, to find it by.
    source_kind: Mapped[str | None] = mapped_column(String(20))
    source_location: Mapped[str | None] = mapped_column(String(1000))

    campaign: Mapped[Campaign | None] = relationship()
    physics_tag: Mapped[Tag | None] = relationship(foreign_keys=[physics_tag_id])
    evgen_tag: Mapped[Tag | None] = relationship(foreign_keys=[evgen_tag_id])
    simu_tag: Mapped[Tag | None] = relationship(foreign_keys=[simu_tag_id])
    reco_tag: Mapped[Tag | None] = relationship(foreign_keys=[reco_tag_id])
    background_tag: Mapped[Tag | None] = relationship(foreign_keys=[background_tag_id])

    campaign_name: AssociationProxy[str | None] = association_proxy("campaign", "name")
    physics_tag_label: AssociationProxy[str | None] = association_proxy("physics_tag", "tag_label")
    evgen_tag_label: AssociationProxy[str | None] = association_proxy("evgen_tag", "tag_label")
    simu_tag_label: AssociationProxy[str | None] = association_proxy("simu_tag", "tag_label")
    reco_tag_label: AssociationProxy[str | None] = association_proxy("reco_tag", "tag_label")
    background_tag_label: AssociationProxy[str | None] = association_proxy(
        "background_tag", "tag_label"
    )

    @property
    def stage(self) -> str:
        """The stage of production that its metadata name; empty where they name none."""
        return str((self.meta or {}).get("stage") or "")

    @property
    def validation_status(self) -> str:
        """The status of its validation; empty where it has none."""
        validation = (self.meta or {}).get("validation")
        return str(validation.get("status") or "") if isinstance(validation, dict) else ""

    @property
    def external(self) -> bool:
        """Whether it was taken in from outside."""
        return self.source_kind in SOURCE_KINDS

    @property
    def tags(self) -> dict[TagKind, Tag]:
        """The tags that it has."""
        tags = {kind: getattr(self, kind.field) for kind in TagKind}
        return {kind: tag for kind, tag in tags.items() if tag is not None}


# ------------------------------------------------------------------ how and why it is produced


PARTLY: Final = "partly completed"
"""How people see a completed task of which inputs failed for good."""


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
    condor_template: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
    panda_site: Mapped[str] = mapped_column(String(200), default="")
    panda_queue: Mapped[str] = mapped_column(String(200), default="")
    panda_working_group: Mapped[str] = mapped_column(String(100), default="")
    panda_resource_type: Mapped[str] = mapped_column(String(100), default="")
    rucio_rse: Mapped[str] = mapped_column(String(200), default="")
    rucio_replication_rules: Mapped[Any | None] = mapped_column(JSONB)
    data: Mapped[dict[str, Any] | None] = mapped_column(JsonObject)

    @property
    def workflow_mode(self) -> str:
        """Where its tasks' events come from; files that are there already, unless set otherwise."""
        return str((self.data or {}).get("workflow_mode") or "external_evgen")


class Wanted(Changeable):
    """Columns of who wants what is produced, how soon, and what for."""

    requestor: Mapped[str] = mapped_column(String(100), default="")
    priority: Mapped[int | None]
    pre_tdr_use: Mapped[bool] = mapped_column(default=False)
    early_science_use: Mapped[bool] = mapped_column(default=False)
    other_use: Mapped[bool] = mapped_column(default=False)
    new_request: Mapped[bool] = mapped_column(default=False)


class ProdRequest(Wanted, Base):
    """A request to produce something; its statuses are free text."""

    __tablename__ = "pcs_prod_request"
    __table_args__ = (Index("pcs_prod_request_source_row_idx", "source_row"),)

    simu_path: Mapped[str] = mapped_column(String(500), default="")
    gen_config: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
    nevents: Mapped[int | None] = mapped_column(BigInteger)
    background: Mapped[str] = mapped_column(String(200), default="")
    status: Mapped[str] = mapped_column(String(20), default="new")
    source_url: Mapped[str] = mapped_column(String(500), default="")
    source_row: Mapped[str] = mapped_column(String(100), default="")
    input_status: Mapped[str] = mapped_column(String(100), default="")
    rucio_source: Mapped[str] = mapped_column(String(300), default="")
    validation_status: Mapped[str] = mapped_column(String(100), default="")
    data: Mapped[dict[str, Any]] = mapped_column(
        JsonObject, default=dict, server_default=_NO_OBJECT
    )


class ProdTask(Wanted, Base):
    """A production task. `panda_task_id` points to the attempt that stands for it."""

    __tablename__ = "pcs_prod_task"
    __table_args__ = (
        Index("pcs_prod_task_dataset_idx", "dataset_id"),
        Index("pcs_prod_task_prod_config_idx", "prod_config_id"),
        Index("pcs_prod_task_status_idx", "status"),
    )

    name: Mapped[str] = mapped_column(String(255), unique=True)
    status: Mapped[TaskStatus] = mapped_column(String(20), default=TaskStatus.DRAFT)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("pcs_dataset.id"))
    prod_config_id: Mapped[int] = mapped_column(ForeignKey("pcs_prod_config.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_campaign.id"))
    request_id: Mapped[int | None] = mapped_column(
        ForeignKey("pcs_prod_request.id", ondelete="SET NULL")
    )
    csv_file: Mapped[str] = mapped_column(String(500), default="")
    # What was set for this task only.
    overrides: Mapped[dict[str, Any] | None] = mapped_column(JsonObject)
    condor_command: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
    panda_command: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
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

    @property
    def pointed(self) -> Attempt | None:
        """The attempt that stands for the task."""
        if self.panda_task_id is None:
            return None
        ids = {each.jedi_task_id: each for each in self.attempts}
        return ids.get(self.panda_task_id)

    @property
    def shown_status(self) -> str:
        """The status as people see it: peers read `completed` of a task in part, too."""
        pointed = self.pointed
        is_partial = pointed is not None and pointed.is_partial
        return PARTLY if is_partial and self.status == TaskStatus.COMPLETED else str(self.status)


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
    match_reason: Mapped[str] = mapped_column(Text, default="", server_default=_NO_TEXT)
    # "metadata" is taken by the models' base.
    meta: Mapped[dict[str, Any]] = mapped_column(
        "metadata", JsonObject, default=dict, server_default=_NO_OBJECT
    )
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)

    task: Mapped[ProdTask] = relationship(back_populates="attempts")

    @property
    def is_partial(self) -> bool:
        """Whether PanDA's task ended with some of its inputs failed for good (JEDI's finished)."""
        return self.status_snapshot == IN_PART

    @property
    def lost_inputs(self) -> str:
        """How many inputs failed for good, in words; empty where none did, or it is not known."""
        return lost_in_words(self.meta, self.status_snapshot)

    @property
    def current(self) -> bool:
        """Whether the task points to it."""
        return self.jedi_task_id is not None and self.jedi_task_id == self.task.panda_task_id
