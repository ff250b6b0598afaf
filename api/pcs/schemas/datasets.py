"""The bodies that make and change categories, tags, campaigns and datasets."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from api.http.fields import JsonObject, refuse
from api.pcs.domain import value_forms
from api.pcs.models import Lifecycle
from api.pcs.schemas.fields import (
    Key,
    Line,
    Line100,
    Long,
    ReadOnly,
    SampleName,
    Segment,
    Whole,
    of_form,
)


class CategoryForm(BaseModel):
    """The fields of a physics category."""

    digit: Annotated[Whole, Field(ge=1, le=9)] = Field(description="Begins its tags' numbers.")
    name: Annotated[Line, Field(min_length=1, max_length=100)] = Field(description="Its name.")
    description: Long = Field("", description="Description for people.")
    created_by: ReadOnly = None


class TagForm(BaseModel):
    """The fields of a tag; its number is assigned."""

    description: Long = Field("", description="Description for people.")
    parameters: JsonObject = Field(default_factory=dict, description="Its parameters.")
    status: ReadOnly = None
    tag_number: ReadOnly = None
    tag_label: ReadOnly = None
    created_by: ReadOnly = None


class PhysicsTagForm(TagForm):
    """The fields of a physics tag."""

    category: Annotated[Whole, Field(ge=1, le=9)] = Field(description="Digit of its category.")


class CampaignForm(BaseModel):
    """The fields of a campaign."""

    name: Annotated[
        Line, Field(max_length=100), of_form(value_forms.SEGMENT, may_be_empty=False)
    ] = Field(description="Its name, unique: the software release.")
    lifecycle: Lifecycle = Field(Lifecycle.FUTURE, description="Its stage in the life cycle.")
    description: Long = Field("", description="Description for people.")
    start_date: date | None = Field(None, description="Its first day.")
    end_date: date | None = Field(None, description="Its last day.")
    clone_of: Key | None = Field(None, description="The campaign it was copied from.")
    data: JsonObject = Field(default_factory=dict, description="Other information.")
    created_by: ReadOnly = None


def _no_external(value: dict[str, Any]) -> dict[str, Any]:
    if "external" in value:
        raise refuse("external: is not kept here; link the dataset itself.")
    source = value.get("source", {})
    if not isinstance(source, dict) or not all(isinstance(each, str) for each in source.values()):
        raise refuse("source: must be an object of texts.")
    for name, longest in (("kind", 20), ("location", 1000)):
        if len(source.get(name, "")) > longest:
            raise refuse(f"source.{name}: is longer than {longest} characters.")
    return value


class DatasetForm(BaseModel):
    """The fields of a dataset; its name is composed of them."""

    scope: Segment = Field("group.EIC", description="Its scope.")
    detector_version: Annotated[Segment, Field(max_length=50)] = Field(
        description="The software release."
    )
    detector_config: Annotated[Segment, Field(max_length=100)] = Field(
        description="The detector's configuration."
    )
    campaign: Key | None = Field(None, description="Its campaign, by name or key.")
    physics_tag: Key = Field(description="Its physics tag, by key or label.")
    evgen_tag: Key = Field(description="Its event generation tag.")
    simu_tag: Key = Field(description="Its simulation tag.")
    reco_tag: Key = Field(description="Its reconstruction tag.")
    background_tag: Key | None = Field(None, description="Its background tag.")
    sample_name: SampleName = Field(
        "", description="Distinguishes it from others of the same tags."
    )
    description: Long = Field("", description="Description for people.")
    metadata: Annotated[JsonObject, AfterValidator(_no_external)] | None = Field(
        None, description="Where it comes from, and anything else about it."
    )
    created_by: ReadOnly = None


class DatasetIntakeForm(BaseModel):
    """The source of a dataset."""

    source_location: Annotated[Line, Field(min_length=1, max_length=1000)] = Field(
        description="Where it is: a path, address, DID or list."
    )
    source_kind: Annotated[Line, Field(pattern="^(csv_manifest|path|url|rucio_did|file_list)$")] = (
        Field("csv_manifest", description="What the location is.")
    )
    scope: Segment = Field("group.EIC.evgen", description="Its scope.")
    stage: Segment = Field("evgen", description="Its stage of production.")
    detector_version: Annotated[Line, Field(max_length=50), of_form(value_forms.SEGMENT)] = ""
    detector_config: Annotated[Line100, of_form(value_forms.SEGMENT)] = ""
    physics_tag: Line = Field("", description="Label of its physics tag.")
    evgen_tag: Line = Field("", description="Label of its event generation tag.")
    simu_tag: Line = Field("", description="Label of its simulation tag.")
    reco_tag: Line = Field("", description="Label of its reconstruction tag.")
    background_tag: Line = Field("", description="Label of its background tag.")
    description: Long = Field("", description="Description for people.")
