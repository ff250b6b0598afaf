"""The bodies that say something of configurations and requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from api.http.fields import MAX_INTEGER, JsonObject
from api.pcs.domain import effective, value_forms
from api.pcs.forms.kinds import MAX_ID, Anything, Flag, Hours, Line, Long, ReadOnly, Whole, of_form


class ProdConfigForm(BaseModel):
    """What may be said of a configuration."""

    name: Annotated[Line, Field(min_length=1, max_length=200)] = Field(description="Unique.")
    description: Long = Field("", description="What it is for.")
    bg_mixing: Flag = Field(False, description="Whether background is mixed in.")
    bg_cross_section: Annotated[Line, of_form(effective.FIELD_FORMS["bg_cross_section"])] = ""
    bg_evtgen_file: Annotated[Line, of_form(effective.FIELD_FORMS["bg_evtgen_file"])] = ""
    copy_reco: Flag = Field(True, description="Whether reconstructed output is kept.")
    copy_full: Flag = Field(False, description="Whether simulated output is kept.")
    copy_log: Flag = Field(True, description="Whether logs are kept.")
    use_rucio: Flag = Field(True, description="Whether output is registered in Rucio.")
    jug_xl_tag: Annotated[Line, Field(max_length=100), of_form(value_forms.NAME)] = ""
    container_image: Annotated[Line, of_form(value_forms.IMAGE)] = Field(
        "", description="Image that jobs run in (--containerImage)."
    )
    target_hours_per_job: Hours | None = None
    events_per_task: Annotated[Whole, Field(ge=1, le=MAX_INTEGER)] | None = None
    condor_template: Long = ""
    panda_site: Annotated[Line, of_form(value_forms.NAME)] = Field("", description="--site")
    panda_queue: Annotated[Line, of_form(value_forms.NAME)] = ""
    panda_working_group: Annotated[Line, Field(max_length=100), of_form(value_forms.NAME)] = Field(
        "", description="--workingGroup"
    )
    panda_resource_type: Annotated[Line, Field(max_length=100), of_form(value_forms.NAME)] = Field(
        "", description="--resourceType, which prun 2.2.0 does not know."
    )
    rucio_rse: Annotated[Line, of_form(value_forms.NAME)] = ""
    rucio_replication_rules: Anything = None
    data: JsonObject | None = Field(None, description="exec_command, n_jobs, outputs and so on.")
    created_by: ReadOnly = None


class ProdRequestForm(BaseModel):
    """What may be said of a production request."""

    requestor: Annotated[Line, Field(max_length=100)] = ""
    simu_path: Annotated[Line, Field(max_length=500)] = ""
    gen_config: Long = ""
    nevents: Annotated[Whole, Field(ge=0, le=MAX_ID)] | None = None
    background: Annotated[Line, Field(max_length=200)] = ""
    description: Long = ""
    priority: Annotated[Whole, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)] | None = None
    pre_tdr_use: Flag = False
    early_science_use: Flag = False
    other_use: Flag = False
    new_request: Flag = False
    status: Annotated[Line, Field(min_length=1, max_length=20)] = "new"
    source_url: Annotated[Line, Field(max_length=500)] = ""
    source_row: Annotated[Line, Field(max_length=100)] = ""
    input_status: Annotated[Line, Field(max_length=100)] = ""
    rucio_source: Annotated[Line, Field(max_length=300)] = ""
    validation_status: Annotated[Line, Field(max_length=100)] = ""
    data: JsonObject = Field(default_factory=dict)
    created_by: ReadOnly = None
