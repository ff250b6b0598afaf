"""The bodies that the embedded PCS takes; what each refuses, it refuses by the field's name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from api.pcs.domain import effective, names, value_forms
from api.pcs.models import Lifecycle
from api.testbed.fields import MAX_INTEGER, NO_NUL, JsonObject, Time, refuse
from flows.common.text import HALF, NUL, unkeepable

_MAX_ID: Final = 2**63 - 1
_READ_ONLY: Final = "This field is set by PCS itself and cannot be written."
_NOT_TEXT: Final = "Not a valid string."
_NOT_BOOLEAN: Final = "Must be a valid boolean."
_TEXTS: Final = {NUL: NO_NUL, HALF: "Surrogate characters are not allowed."}


def _never(_value: object) -> object:
    raise refuse(_READ_ONLY)


def _keepable(value: Any) -> Any:
    for path, why in unkeepable(value):
        raise refuse(f"{path}: {why}" if path else _TEXTS.get(why, why))
    return value


def _text_only(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise refuse(_NOT_TEXT)
    return value


def _bool_only(value: object) -> object:
    if value is not None and not isinstance(value, bool):
        raise refuse(_NOT_BOOLEAN)
    return value


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refuse("A valid number is required.")
    return value


def _of(form: Any, *, may_be_empty: bool = True) -> AfterValidator:
    def check(value: Any) -> Any:
        is_empty = value is None or value == ""
        if is_empty and may_be_empty:
            return value
        if why := form.problem(value):
            raise refuse(why)
        return value

    return AfterValidator(check)


def _task_name(value: str) -> str:
    if why := names.task_name_problem(value):
        raise refuse(why)
    return value


def _sample(value: str) -> str:
    if value and (why := names.sample_problem(value)):
        raise refuse(why)
    return value


def _did(value: str) -> str:
    if why := effective.did_problem(value):
        raise refuse(why)
    return value


ReadOnly = Annotated[
    None, BeforeValidator(_never), WithJsonSchema({"readOnly": True, "type": "null"})
]
Line = Annotated[str, BeforeValidator(_text_only), AfterValidator(_keepable)]
Long = Annotated[Line, Field(max_length=20_000)]
Flag = Annotated[bool, BeforeValidator(_bool_only)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
JediTaskId = Annotated[Whole, Field(ge=1, le=_MAX_ID)]
RowId = Annotated[Whole, Field(ge=1, le=MAX_INTEGER)]
Key = Annotated[
    int | str,
    BeforeValidator(_no_bool),
    AfterValidator(_keepable),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
]
Segment = Annotated[Line, _of(value_forms.SEGMENT, may_be_empty=False)]
Anything = Annotated[Any, AfterValidator(_keepable)]


# ------------------------------------------------------------------ tags, campaigns, datasets


class CategoryForm(BaseModel):
    """What may be said of a physics category."""

    digit: Annotated[Whole, Field(ge=1, le=9)] = Field(description="Begins its tags' numbers.")
    name: Annotated[Line, Field(min_length=1, max_length=100)] = Field(description="Its name.")
    description: Long = Field("", description="What it is.")
    created_by: ReadOnly = None


class TagForm(BaseModel):
    """What may be said of a tag; its number is assigned."""

    description: Long = Field("", description="What it is.")
    parameters: JsonObject = Field(default_factory=dict, description="Its parameters.")
    status: ReadOnly = None
    tag_number: ReadOnly = None
    tag_label: ReadOnly = None
    created_by: ReadOnly = None


class PhysicsTagForm(TagForm):
    """What may be said of a physics tag."""

    category: Annotated[Whole, Field(ge=1, le=9)] = Field(description="Digit of its category.")


class CampaignForm(BaseModel):
    """What may be said of a campaign."""

    name: Annotated[Line, Field(max_length=100), _of(value_forms.SEGMENT, may_be_empty=False)] = (
        Field(description="Its name, unique: the software release.")
    )
    lifecycle: Lifecycle = Field(Lifecycle.FUTURE, description="Where it stands.")
    description: Long = Field("", description="What it is.")
    start_date: date | None = Field(None, description="Its first day.")
    end_date: date | None = Field(None, description="Its last day.")
    clone_of: Key | None = Field(None, description="The campaign it was copied from.")
    data: JsonObject = Field(default_factory=dict, description="Anything else about it.")
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
    """What may be said of a dataset; its name is composed of it."""

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
    sample_name: Annotated[Line, _of(value_forms.SEGMENT), AfterValidator(_sample)] = Field(
        "", description="What tells it from others of the same tags."
    )
    description: Long = Field("", description="What it is.")
    metadata: Annotated[JsonObject, AfterValidator(_no_external)] | None = Field(
        None, description="Where it comes from, and anything else about it."
    )
    created_by: ReadOnly = None


class DatasetIntakeForm(BaseModel):
    """Where a dataset is to be taken in from."""

    source_location: Annotated[Line, Field(min_length=1, max_length=1000)] = Field(
        description="Where it is: a path, address, DID or list."
    )
    source_kind: Annotated[Line, Field(pattern="^(csv_manifest|path|url|rucio_did|file_list)$")] = (
        Field("csv_manifest", description="What the location is.")
    )
    scope: Segment = Field("group.EIC.evgen", description="Its scope.")
    stage: Segment = Field("evgen", description="Its stage of production.")
    detector_version: Annotated[Line, Field(max_length=50), _of(value_forms.SEGMENT)] = ""
    detector_config: Annotated[Line, Field(max_length=100), _of(value_forms.SEGMENT)] = ""
    physics_tag: Line = Field("", description="Label of its physics tag.")
    evgen_tag: Line = Field("", description="Label of its event generation tag.")
    simu_tag: Line = Field("", description="Label of its simulation tag.")
    reco_tag: Line = Field("", description="Label of its reconstruction tag.")
    background_tag: Line = Field("", description="Label of its background tag.")
    description: Long = Field("", description="What it is.")


# ------------------------------------------------------------------ configurations, requests


class ProdConfigForm(BaseModel):
    """What may be said of a configuration."""

    name: Annotated[Line, Field(min_length=1, max_length=200)] = Field(description="Unique.")
    description: Long = Field("", description="What it is for.")
    bg_mixing: Flag = Field(False, description="Whether background is mixed in.")
    bg_cross_section: Annotated[Line, _of(effective.FIELD_FORMS["bg_cross_section"])] = ""
    bg_evtgen_file: Annotated[Line, _of(effective.FIELD_FORMS["bg_evtgen_file"])] = ""
    copy_reco: Flag = Field(True, description="Whether reconstructed output is kept.")
    copy_full: Flag = Field(False, description="Whether simulated output is kept.")
    copy_log: Flag = Field(True, description="Whether logs are kept.")
    use_rucio: Flag = Field(True, description="Whether output is registered in Rucio.")
    jug_xl_tag: Annotated[Line, Field(max_length=100), _of(value_forms.NAME)] = ""
    container_image: Annotated[Line, _of(value_forms.IMAGE)] = Field(
        "", description="Image that jobs run in (--containerImage)."
    )
    target_hours_per_job: (
        Annotated[Decimal, BeforeValidator(_no_bool), Field(gt=0, lt=10_000, decimal_places=2)]
        | None
    ) = None
    events_per_task: Annotated[Whole, Field(ge=1, le=MAX_INTEGER)] | None = None
    condor_template: Long = ""
    panda_site: Annotated[Line, _of(value_forms.NAME)] = Field("", description="--site")
    panda_queue: Annotated[Line, _of(value_forms.NAME)] = ""
    panda_working_group: Annotated[Line, Field(max_length=100), _of(value_forms.NAME)] = Field(
        "", description="--workingGroup"
    )
    panda_resource_type: Annotated[Line, Field(max_length=100), _of(value_forms.NAME)] = Field(
        "", description="--resourceType, which prun 2.2.0 does not know."
    )
    rucio_rse: Annotated[Line, _of(value_forms.NAME)] = ""
    rucio_replication_rules: Anything = None
    data: JsonObject | None = Field(None, description="exec_command, n_jobs, outputs and so on.")
    created_by: ReadOnly = None


class ProdRequestForm(BaseModel):
    """What may be said of a production request."""

    requestor: Annotated[Line, Field(max_length=100)] = ""
    simu_path: Annotated[Line, Field(max_length=500)] = ""
    gen_config: Long = ""
    nevents: Annotated[Whole, Field(ge=0, le=_MAX_ID)] | None = None
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


# ------------------------------------------------------------------ tasks


class TaskForm(BaseModel):
    """What may be said of a production task."""

    name: Annotated[
        Line, _of(value_forms.TASK_NAME, may_be_empty=False), AfterValidator(_task_name)
    ] = Field(description="Its name, unique.")
    description: Long = Field("", description="What it is for.")
    dataset: Key = Field(description="Its dataset, by key, name or DID.")
    prod_config: Key = Field(description="Its configuration, by key or name.")
    campaign: Key | None = Field(None, description="Its campaign; unset: its dataset's.")
    prod_request: RowId | None = Field(None, description="The request that it serves.")
    requestor: Annotated[Line, Field(max_length=100)] = ""
    priority: Annotated[Whole, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)] | None = None
    pre_tdr_use: Flag = False
    early_science_use: Flag = False
    other_use: Flag = False
    new_request: Flag = False
    csv_file: Annotated[Line, Field(max_length=500)] = ""
    overrides: JsonObject | None = Field(None, description="What this task has otherwise.")
    status: ReadOnly = None
    panda_task_id: ReadOnly = None
    panda_tasks: ReadOnly = None
    created_by: ReadOnly = None


class TaskIntakeForm(BaseModel):
    """A row of the public catalog, and the task that stands for it."""

    public_catalog_issue: Key | None = Field(None, description="Number of the row's issue.")
    public_catalog_csv_path: Annotated[Line, Field(max_length=500)] | None = None
    public_catalog_row_key: Annotated[Line, Field(max_length=500)] | None = None
    public_catalog_repo: Annotated[Line, Field(max_length=500)] | None = None
    public_catalog_pr: Key | None = None
    public_catalog_row_index: Key | None = None
    public_catalog_page_url: Annotated[Line, Field(max_length=500)] | None = None
    public_catalog_commit_sha: Annotated[Line, Field(max_length=100)] | None = None
    name: Annotated[
        Line, _of(value_forms.TASK_NAME, may_be_empty=False), AfterValidator(_task_name)
    ] | None = None  # fmt: skip
    dataset: Key | None = None
    prod_config: Key | None = None
    description: Long | None = None
    input_dataset_did: Annotated[Line, AfterValidator(_did)] | None = None


class StatusForm(BaseModel):
    """The status that a task is to have."""

    status: Annotated[Line, Field(min_length=1, max_length=50)]


class InputForm(BaseModel):
    """The input datasets that a task is to have: one, or several."""

    did: Annotated[Line, AfterValidator(_did)] | None = None
    dids: Annotated[list[Annotated[Line, AfterValidator(_did)]], Field(max_length=1000)] | None = (
        None
    )


class OperationForm(BaseModel):
    """An operation on a live task: which of its ids, and why."""

    jedi_task_id: JediTaskId | None = Field(None, description="Unset: the task's own.")
    reason: Annotated[Line, Field(max_length=1000)] = Field("", description="Why.")


class RetryForm(OperationForm):
    """How a task's failures are to be tried again."""

    new_parameters: JsonObject = Field(default_factory=dict, description="Parameters to change.")


class AddRetryForm(OperationForm):
    """How many attempts a task's jobs get more."""

    increase: Annotated[Whole, Field(ge=1, le=100)] = Field(1, description="Attempts to add.")


# ------------------------------------------------------------------ records


class SubmissionForm(BaseModel):
    """What was submitted, and as which attempt."""

    name: Line | None = Field(None, description="The task, where the query does not name it.")
    jedi_task_id: JediTaskId = Field(description="The id that PanDA gave.")
    status: Annotated[Line, Field(pattern="^submitted$")] = "submitted"
    panda_tasks_id: RowId | None = Field(None, description="Key of the attempt.")
    panda_task_name: Annotated[Line, Field(max_length=300)] | None = Field(
        None, description="Name of the attempt at PanDA."
    )
    task_name: Annotated[Line, Field(max_length=300)] | None = Field(
        None, description="The same, under the original's other name."
    )
    replaces: JediTaskId | None = Field(
        None, description="Id of the attempt that PanDA aborted as a duplicate of this one."
    )


class FailureForm(BaseModel):
    """Why an attempt did not reach PanDA."""

    name: Line | None = None
    panda_tasks_id: RowId = Field(description="Key of the attempt.")
    reason: Long = Field("", description="Why it failed.")


PandaStatus = Annotated[Line, Field(pattern="^[a-z]{1,50}$")]


class ObservationForm(BaseModel):
    """A state that an attempt was seen in at PanDA."""

    name: Line | None = None
    jedi_task_id: JediTaskId
    panda_status: PandaStatus = Field(description="JEDI's state.")
    observed_at: Time | None = Field(None, description="When; unset: now.")


class AssociationForm(BaseModel):
    """A task that PanDA knows under a name of ours."""

    panda_task_name: Annotated[Line, Field(min_length=1, max_length=301)]
    jedi_task_id: JediTaskId
    panda_status: PandaStatus


class CatalogForm(BaseModel):
    """The requests to import: a published source, or their text itself."""

    source: Annotated[Line, _of(value_forms.FILE, may_be_empty=False)] | None = Field(
        None, description="Name of a source that is published here."
    )
    csv_text: Line | None = Field(None, description="The rows themselves, in a datasets.csv.")
    campaign: Key | None = Field(None, description="Campaign of the tasks; unset: the current.")
    detector_config: Annotated[Segment, Field(max_length=100)] = "epic_craterlake"
    prod_config: Key | None = Field(
        None, description="Configuration of new tasks; unset: catalog_import."
    )
