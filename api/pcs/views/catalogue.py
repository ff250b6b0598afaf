"""The JSON of categories, tags, campaigns, datasets, configurations and requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy.orm import Session

from api.http.fields import UtcTime
from api.pcs.models import (
    Campaign,
    PhysicsCategory,
)
from api.pcs.queries import provenance
from api.pcs.queries.catalogue import tag_counts
from flows.common.settings import Settings

Count = Annotated[int, BeforeValidator(lambda value: value or 0)]
"""A number as the original shows it: 0 where it is not known."""
Word = Annotated[str, BeforeValidator(lambda value: value or "")]


class RowView(BaseModel):
    """A view that a row's attributes fill."""

    model_config = ConfigDict(from_attributes=True)


def columns(row: Any) -> dict[str, Any]:
    """A row's columns, by the names of its attributes."""
    return {each.key: getattr(row, each.key) for each in type(row).__mapper__.column_attrs}


class CategoryView(RowView):
    """A physics category."""

    digit: int
    name: str
    description: str
    created_by: str
    created_at: UtcTime
    tag_count: int = 0


class TagView(RowView):
    """A tag."""

    id: int
    tag_number: int
    tag_label: str
    status: str
    description: str
    parameters: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class PhysicsTagView(TagView):
    """A physics tag, with its category."""

    category: int = Field(validation_alias="category_digit")
    category_name: str = Field(validation_alias=AliasPath("category", "name"))


class CampaignView(RowView):
    """A campaign; `clone_of` is another one's key."""

    id: int
    name: str
    lifecycle: str
    description: str
    start_date: date | None
    end_date: date | None
    clone_of: int | None = Field(validation_alias="clone_of_id")
    data: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class DatasetView(RowView):
    """A block of a dataset; tags by key and by label."""

    id: int
    dataset_name: str
    composed_name: str
    scope: str
    detector_version: str
    detector_config: str
    campaign: str | None = Field(validation_alias="campaign_name")
    physics_tag: int | None = Field(validation_alias="physics_tag_id")
    physics_tag_label: str | None
    evgen_tag: int | None = Field(validation_alias="evgen_tag_id")
    evgen_tag_label: str | None
    simu_tag: int | None = Field(validation_alias="simu_tag_id")
    simu_tag_label: str | None
    reco_tag: int | None = Field(validation_alias="reco_tag_id")
    reco_tag_label: str | None
    background_tag: int | None = Field(validation_alias="background_tag_id")
    background_tag_label: str | None
    sample_name: str
    block_num: int
    blocks: int
    did: str
    file_count: Count
    data_size: Count
    stage: str
    external: bool
    source_kind: Word
    source_location: Word
    validation_status: str
    description: str
    metadata: Any = Field(validation_alias="meta")
    created_by: str
    created_at: UtcTime


class ProdConfigView(RowView):
    """A production configuration."""

    id: int
    name: str
    description: str
    bg_mixing: bool
    bg_cross_section: str
    bg_evtgen_file: str
    copy_reco: bool
    copy_full: bool
    copy_log: bool
    use_rucio: bool
    jug_xl_tag: str
    container_image: str
    target_hours_per_job: Annotated[Decimal, Field(allow_inf_nan=True)] | None
    events_per_task: int | None
    condor_template: str
    panda_site: str
    panda_queue: str
    panda_working_group: str
    panda_resource_type: str
    rucio_rse: str
    rucio_replication_rules: Any
    data: Any
    workflow_mode: str
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


class ProdRequestView(RowView):
    """A production request."""

    id: int
    requestor: str
    simu_path: str
    gen_config: str
    nevents: int | None
    background: str
    description: str
    priority: int | None
    pre_tdr_use: bool
    early_science_use: bool
    other_use: bool
    new_request: bool
    status: str
    source_url: str
    source_row: str
    input_status: str
    rucio_source: str
    validation_status: str
    data: dict[str, Any]
    created_by: str
    created_at: UtcTime
    updated_at: UtcTime


# ------------------------------------------------------------------ rows as JSON


def category_views(
    session: Session, categories: Sequence[PhysicsCategory], _settings: Settings
) -> list[CategoryView]:
    """Categories, with the counts of their tags."""
    counts = tag_counts(session)
    return [
        CategoryView.model_validate(columns(each) | {"tag_count": counts.get(each.digit, 0)})
        for each in categories
    ]


def campaign_views(
    session: Session, campaigns: Sequence[Campaign], _settings: Settings
) -> list[CampaignView]:
    """Campaigns, with what provenance found of them in their `data`."""
    found = provenance.campaign_data(session, campaigns)
    return [
        CampaignView.model_validate(columns(each) | {"data": each.data | found[each.id]})
        for each in campaigns
    ]
