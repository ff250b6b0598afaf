"""The bodies of the catalogue: categories, tags, campaigns, datasets, configurations, requests."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from api.http.fields import MAX_BIG_INTEGER, MAX_INTEGER, JsonObject, refuse
from api.pcs.domain import effective, value_forms
from api.pcs.models import SOURCE_KINDS, Lifecycle
from api.pcs.schemas.fields import (
    Anything,
    Flag,
    Hours,
    Key,
    Line,
    Line100,
    Line300,
    Line500,
    Long,
    Priority,
    ReadOnly,
    SampleName,
    Segment,
    Whole,
    Word,
    Word100,
    of_form,
)


class CategoryForm(BaseModel):
    """The fields of a physics category."""

    digit: Annotated[Whole, Field(ge=1, le=9)] = Field(description="Begins its tags' numbers.")
    name: Annotated[Line, Field(min_length=1, max_length=100)] = Field(description="Its name.")
    description: Long = Field("", description="Description for people.")


class TagForm(BaseModel):
    """The fields of a tag; its number is assigned."""

    description: Long = Field("", description="Description for people.")
    parameters: JsonObject = Field(default_factory=dict, description="Its parameters.")
    status: ReadOnly = Field(None, description="Changed by lock/ only.")


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


def _no_external(value: dict[str, Any]) -> dict[str, Any]:
    if "external" in value:
        raise refuse(
            "metadata.external is obsolete; external status is derived from metadata.source.kind."
        )
    source = value.get("source")
    if source is None:
        return value
    if not isinstance(source, dict) or not all(isinstance(each, str) for each in source.values()):
        raise refuse("metadata.source must be a JSON object of texts.")
    for name in ("kind", "location"):
        if not source.get(name):
            raise refuse(f"external datasets require metadata.source.{name}.")
    for name, longest in (("kind", 20), ("location", 1000)):
        if len(source.get(name, "")) > longest:
            raise refuse(f"metadata.source.{name}: is longer than {longest} characters.")
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


SourceKind = Annotated[Line, Field(pattern=f"^({'|'.join(SOURCE_KINDS)})$")]


class DatasetIntakeForm(BaseModel):
    """The source of a dataset."""

    source_location: Annotated[Line, Field(min_length=1, max_length=1000)] = Field(
        description="Where it is: a path, address, DID or list."
    )
    source_kind: SourceKind = Field("csv_manifest", description="What the location is.")
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


class ProdConfigForm(BaseModel):
    """The fields of a configuration."""

    name: Annotated[Line, Field(min_length=1, max_length=200)] = Field(description="Unique.")
    description: Long = Field("", description="What it is for.")
    bg_mixing: Flag = Field(False, description="Whether background is mixed in.")
    bg_cross_section: Annotated[Line, of_form(effective.FIELD_FORMS["bg_cross_section"])] = ""
    bg_evtgen_file: Annotated[Line, of_form(effective.FIELD_FORMS["bg_evtgen_file"])] = ""
    copy_reco: Flag = Field(True, description="Whether reconstructed output is kept.")
    copy_full: Flag = Field(False, description="Whether simulated output is kept.")
    copy_log: Flag = Field(True, description="Whether logs are kept.")
    use_rucio: Flag = Field(True, description="Whether output is registered in Rucio.")
    jug_xl_tag: Word100 = ""
    container_image: Annotated[Line, of_form(value_forms.IMAGE)] = Field(
        "", description="Image that jobs run in (--containerImage)."
    )
    target_hours_per_job: Hours | None = None
    events_per_task: Annotated[Whole, Field(ge=1, le=MAX_INTEGER)] | None = None
    condor_template: Long = ""
    panda_site: Word = Field("", description="--site")
    panda_queue: Word = ""
    panda_working_group: Word100 = Field("", description="--workingGroup")
    panda_resource_type: Word100 = Field(
        "", description="--resourceType, which prun 2.2.0 does not know."
    )
    rucio_rse: Word = ""
    rucio_replication_rules: Anything = None
    data: JsonObject | None = Field(None, description="exec_command, n_jobs, outputs and so on.")


class ProdRequestForm(BaseModel):
    """The fields of a production request."""

    requestor: Line100 = ""
    simu_path: Line500 = ""
    gen_config: Long = ""
    nevents: Annotated[Whole, Field(ge=0, le=MAX_BIG_INTEGER)] | None = None
    background: Annotated[Line, Field(max_length=200)] = ""
    description: Long = ""
    priority: Priority | None = None
    pre_tdr_use: Flag = False
    early_science_use: Flag = False
    other_use: Flag = False
    new_request: Flag = False
    status: Annotated[Line, Field(min_length=1, max_length=20)] = "new"
    source_url: Line500 = ""
    source_row: Line100 = ""
    input_status: Line100 = ""
    rucio_source: Line300 = ""
    validation_status: Line100 = ""
    data: JsonObject = Field(default_factory=dict)
