"""The bodies that make, change, move and import tasks, and record what became of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from api.http.fields import JsonObject, Time
from api.pcs.domain import value_forms
from api.pcs.domain.lifecycle import SETTABLE
from api.pcs.schemas.fields import (
    Count,
    Did,
    Flag,
    JediTaskId,
    Key,
    Line,
    Line100,
    Line300,
    Line500,
    Long,
    Priority,
    ReadOnly,
    RowId,
    Segment,
    Sheet,
    TaskName,
    Whole,
    of_form,
)
from flows.submission.schemas import RetryParameters

_Retry = Annotated[RetryParameters, WithJsonSchema(RetryParameters.model_json_schema())]
"""As it is shown in the place of use: a body's schema has no definitions beside it."""


class TaskForm(BaseModel):
    """The fields of a production task."""

    name: TaskName = Field(description="Its name, unique.")
    description: Long = Field("", description="What it is for.")
    dataset: Key = Field(description="Its dataset, by key, name or DID.")
    prod_config: Key = Field(description="Its configuration, by key or name.")
    campaign: Key | None = Field(None, description="Its campaign; unset: its dataset's.")
    prod_request: RowId | None = Field(None, description="The request that it serves.")
    requestor: Line100 = ""
    priority: Priority | None = None
    pre_tdr_use: Flag = False
    early_science_use: Flag = False
    other_use: Flag = False
    new_request: Flag = False
    csv_file: Line500 = ""
    overrides: JsonObject | None = Field(None, description="Overrides of the configuration.")
    status: ReadOnly = Field(None, description="As it is: it is not written here.")
    panda_task_id: ReadOnly = Field(None, description="As it is: it is not written here.")


class TaskIntakeForm(BaseModel):
    """A row of the public catalog, and its task."""

    public_catalog_issue: Key | None = Field(None, description="Number of the row's issue.")
    public_catalog_csv_path: Line500 | None = None
    public_catalog_row_key: Line500 | None = None
    public_catalog_repo: Line500 | None = None
    public_catalog_pr: Key | None = None
    public_catalog_row_index: Key | None = None
    public_catalog_page_url: Line500 | None = None
    public_catalog_commit_sha: Line100 | None = None
    name: TaskName | None = None
    dataset: Key | None = None
    prod_config: Key | None = None
    description: Long | None = None
    input_dataset_did: Did | None = None


class StatusForm(BaseModel):
    """The new status of a task."""

    status: Annotated[Any, WithJsonSchema({"type": "string", "enum": [*SETTABLE]})] = None


class InputForm(BaseModel):
    """The input datasets of a task: one, or several."""

    did: Did | None = None
    dids: Annotated[list[Did], Field(max_length=1000)] | None = None


class OperationForm(BaseModel):
    """An operation on a live task: which of its ids, and why."""

    jedi_task_id: JediTaskId | None = Field(None, description="Unset: the task's own.")
    reason: Annotated[Line, Field(max_length=1000)] = Field("", description="Why.")


class RetryForm(OperationForm):
    """How a task's failed jobs are retried."""

    new_parameters: _Retry = Field(
        default_factory=RetryParameters, description="Parameters to change."
    )


class AddRetryForm(OperationForm):
    """How many attempts are added to a task's jobs."""

    increase: Annotated[Whole, Field(ge=1, le=100)] = Field(1, description="Attempts to add.")


class ResolutionForm(BaseModel):
    """What a submission came to, by an operator's word: a task at PanDA, or a failure."""

    adopt: JediTaskId | None = Field(None, description="The task at PanDA that it became.")
    failed: Flag = Field(False, description="Whether it made no task, or one that is not ours.")
    reason: Annotated[Line, Field(min_length=1, max_length=1000)] = Field(description="Why.")


class CatalogForm(BaseModel):
    """The requests to import: a published source, or their text itself."""

    source: Annotated[Line, of_form(value_forms.FILE, may_be_empty=False)] | None = Field(
        None, description="Name of a source that is published here."
    )
    csv_text: Sheet | None = Field(None, description="The rows themselves, in a datasets.csv.")
    campaign: Key | None = Field(None, description="Campaign of the tasks; unset: the current.")
    detector_config: Annotated[Segment, Field(max_length=100)] = "epic_craterlake"
    prod_config: Key | None = Field(
        None, description="Configuration of new tasks; unset: catalog_import."
    )


# ------------------------------------------------------------------ what became of submissions


class SubmissionForm(BaseModel):
    """What was submitted, and as which attempt."""

    name: Line | None = Field(None, description="The task, where the query does not name it.")
    jedi_task_id: JediTaskId = Field(description="The id that PanDA gave.")
    status: Annotated[Line, Field(pattern="^submitted$")] = "submitted"
    panda_tasks_id: RowId | None = Field(None, description="Key of the attempt.")
    panda_task_name: Line300 | None = Field(None, description="Name of the attempt at PanDA.")
    task_name: Line300 | None = Field(
        None, description="The same, under the original's other name."
    )
    replaces: JediTaskId | None = Field(
        None, description="Recorded id that gives way to this one, such as an aborted duplicate's."
    )
    remark: Long = Field("", description="In what the task differs from what was sent.")


class FailureForm(BaseModel):
    """Why an attempt did not reach PanDA."""

    name: Line | None = None
    panda_tasks_id: RowId = Field(description="Key of the attempt.")
    reason: Long = Field("", description="Why it failed.")
    is_superseded: bool = Field(
        False, description="Whether another attempt served the same request (two clicks at once)."
    )
    gives_up: JediTaskId | None = Field(
        None, description="The recorded id, where it is not this attempt's task after all."
    )


PandaStatus = Annotated[Line, Field(pattern="^[a-z]{1,50}$")]


class ObservationForm(BaseModel):
    """The state of an attempt at PanDA."""

    name: Line | None = None
    jedi_task_id: JediTaskId
    panda_status: PandaStatus = Field(description="JEDI's state.")
    observed_at: Time | None = Field(None, description="When; unset: now.")
    inputs: Count | None = Field(None, description="How many inputs the task has.")
    inputs_failed: Count | None = Field(None, description="How many of them failed for good.")


class AssociationForm(BaseModel):
    """A PanDA task with the name of an attempt or a task."""

    panda_task_name: Annotated[Line, Field(min_length=1, max_length=301)]
    jedi_task_id: JediTaskId
    panda_status: PandaStatus
    remark: Long = Field("", description="What an operator is to know of it.")
