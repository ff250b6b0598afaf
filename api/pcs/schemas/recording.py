"""The bodies that record what became of submissions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from api.http.fields import Time
from api.pcs.schemas.fields import JediTaskId, Line, Line300, Long, RowId


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
        None, description="Id of the attempt that PanDA aborted as a duplicate of this one."
    )


class FailureForm(BaseModel):
    """Why an attempt did not reach PanDA."""

    name: Line | None = None
    panda_tasks_id: RowId = Field(description="Key of the attempt.")
    reason: Long = Field("", description="Why it failed.")
    is_superseded: bool = Field(
        False, description="Whether another attempt served the same request (two clicks at once)."
    )


PandaStatus = Annotated[Line, Field(pattern="^[a-z]{1,50}$")]


class ObservationForm(BaseModel):
    """The state of an attempt at PanDA."""

    name: Line | None = None
    jedi_task_id: JediTaskId
    panda_status: PandaStatus = Field(description="JEDI's state.")
    observed_at: Time | None = Field(None, description="When; unset: now.")


class AssociationForm(BaseModel):
    """A PanDA task with the name of an attempt or a task."""

    panda_task_name: Annotated[Line, Field(min_length=1, max_length=301)]
    jedi_task_id: JediTaskId
    panda_status: PandaStatus
