"""What is produced: tags, campaigns and datasets."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flows.common.database import AwareTime, Base, now

NO_OBJECT: Final = text("'{}'::jsonb")
NO_TEXT: Final = text("''")


class TagKind(StrEnum):
    """What a tag fixes; its letter begins the tag's label."""

    PHYSICS = "p"
    EVGEN = "e"
    SIMU = "s"
    RECO = "r"
    BACKGROUND = "k"


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

    description: Mapped[str] = mapped_column(Text, default="", server_default=NO_TEXT)
    created_by: Mapped[str] = mapped_column(String(150))
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class Changeable(Owned):
    """Columns of what somebody made and may change."""

    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)


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

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[TagKind] = mapped_column(String(1))
    tag_number: Mapped[int]
    tag_label: Mapped[str] = mapped_column(String(10), unique=True)
    status: Mapped[TagStatus] = mapped_column(String(10), default=TagStatus.DRAFT)
    category_digit: Mapped[int | None] = mapped_column(ForeignKey("pcs_physics_category.digit"))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=NO_OBJECT)

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

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    lifecycle: Mapped[Lifecycle] = mapped_column(String(20), default=Lifecycle.FUTURE)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    clone_of_id: Mapped[int | None] = mapped_column(ForeignKey("pcs_campaign.id"))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=NO_OBJECT)


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
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    # Where it was taken in from, as in metadata.source, to find it by.
    source_kind: Mapped[str | None] = mapped_column(String(20))
    source_location: Mapped[str | None] = mapped_column(String(1000))

    campaign: Mapped[Campaign | None] = relationship()
    physics_tag: Mapped[Tag | None] = relationship(foreign_keys=[physics_tag_id])
    evgen_tag: Mapped[Tag | None] = relationship(foreign_keys=[evgen_tag_id])
    simu_tag: Mapped[Tag | None] = relationship(foreign_keys=[simu_tag_id])
    reco_tag: Mapped[Tag | None] = relationship(foreign_keys=[reco_tag_id])
    background_tag: Mapped[Tag | None] = relationship(foreign_keys=[background_tag_id])
