"""The bodies that make and change configurations and requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from api.http.fields import MAX_BIG_INTEGER, MAX_INTEGER, JsonObject
from api.pcs.domain import effective, value_forms
from api.pcs.schemas.fields import (
    Anything,
    Flag,
    Hours,
    Line,
    Line100,
    Line300,
    Line500,
    Long,
    Priority,
    ReadOnly,
    Whole,
    Word,
    Word100,
    of_form,
)


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
    created_by: ReadOnly = None


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
    created_by: ReadOnly = None
