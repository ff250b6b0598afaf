"""What may be asked of submission: the forms of its actions."""

# ruff: noqa: N815 - the fields of `RetryParameters` are PanDA's

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)


def _one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must be one line without control characters")
    return name


TaskName = Annotated[
    str, StringConstraints(min_length=1, max_length=300), AfterValidator(_one_line)
]
Queues = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_MAX_ID = 2**63 - 1
_TASK_NAMES = ["group.EIC.26.02.0.epic_craterlake.p3001.e1.s1.r1"]


class SubmitTask(BaseModel):
    """Which production task to submit, and as which of its attempts."""

    model_config = ConfigDict(extra="forbid")

    task_name: TaskName = Field(
        description="Stored name of the production task at PCS.", examples=_TASK_NAMES
    )
    panda_tasks_id: int | None = Field(
        None,
        ge=1,
        le=_MAX_ID,
        title="Attempt at PCS",
        description="Id of the attempt at PCS (.tryN); unset: the task's own.",
    )
    panda_task_name: str | None = Field(
        None,
        max_length=300,
        title="Name at PanDA",
        description="Name of the attempt at PanDA; unset: as PCS composes it.",
    )
    follows: int | None = Field(
        None,
        ge=1,
        le=_MAX_ID,
        title="JEDI task id so far",
        description="jediTaskID of the task at the time of the request; unset: it had none.",
    )


class TaskOperation(StrEnum):
    """What may be done to a live task."""

    INCREASE_ATTEMPTS = "increase_attempts"
    RETRY_FAILURES = "retry_failures"
    PAUSE = "pause"
    RESUME = "resume"


class ResolveSubmission(BaseModel):
    """What an operator decides of a submission that nobody else can tell the end of."""

    model_config = ConfigDict(extra="forbid")

    task_name: TaskName = Field(
        description="Stored name of the production task at PCS.", examples=_TASK_NAMES
    )
    adopt: int | None = Field(
        None,
        ge=1,
        le=_MAX_ID,
        title="Adopt JEDI task id",
        description="jediTaskID of the task at PanDA that it became; unset where it failed.",
    )
    failed: bool = Field(False, description="Whether it made no task, or one that is not ours.")
    reason: str = Field(min_length=1, max_length=1000, description="Why, for the record.")

    @model_validator(mode="after")
    def _one_decision(self) -> Self:
        if (self.adopt is None) is not self.failed:
            raise ValueError("either adopt an id, or say that it failed")
        return self

    @property
    def decision(self) -> str:
        """The decision in a word."""
        return "failed" if self.adopt is None else f"adopt {self.adopt}"


class RetryParameters(BaseModel):
    """Task parameters that a retry changes at PanDA; an absent one stays as it is.

    These are the ones that panda-client 2.2.0 sends (`PBookScript._RETRY_NEW_OPTS`; what else a
    request holds is ignored there). PanDA merges them into the task's stored parameters
    (panda-server, `pandaserver/api/v1/task_api.py: retry`) and JEDI refines the task anew with
    them (`pandaserver/taskbuffer/task_split_rules.py: changeable_split_rule_names` names the
    split rules among them).
    """

    model_config = ConfigDict(extra="forbid")

    site: Queues | None = Field(None, description="Only this queue.")
    excludedSite: Queues | None = Field(None, description="Not these queues, comma-separated.")
    includedSite: Queues | None = Field(None, description="Only these queues, comma-separated.")
    nFilesPerJob: Number | None = Field(None, description="Input files of a job.")
    nMaxFilesPerJob: Number | None = Field(None, description="Most input files of a job.")
    nGBPerJob: float | None = Field(None, gt=0, description="Most input of a job, in GB.")
    nFiles: Number | None = Field(None, description="Input files of the task.")
    nEvents: Number | None = Field(None, description="Events of the task.")
    loopingCheck: bool | None = Field(None, description="Whether looping jobs are killed.")
    ramCount: Number | None = Field(None, description="Memory of a job, in MB for each core.")
    avoidVP: bool | None = Field(None, description="Not on queues with virtual placement.")
    ignoreMissingInDS: bool | None = Field(None, description="Whether lost inputs are left out.")
    forceStaged: bool | None = Field(None, description="Inputs are copied, not read remotely.")
    maxCoreCount: Number | None = Field(None, description="Most cores of a job.")

    @model_serializer(mode="wrap")
    def _given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class OperateTask(BaseModel):
    """What to do to a live task."""

    model_config = ConfigDict(extra="forbid")

    operation: TaskOperation = Field(description="What to do to the task.")
    jedi_task_id: int = Field(
        ge=1, le=_MAX_ID, title="JEDI task id", description="jediTaskID of the task at PanDA."
    )
    task_name: str = Field(
        "",
        max_length=300,
        description="Stored name of the production task at PCS; empty: it is not recorded there.",
        examples=_TASK_NAMES,
    )
    increase: int = Field(
        1, ge=1, le=100, description="How many attempts to add, for increase_attempts."
    )
    new_parameters: RetryParameters = Field(
        default_factory=RetryParameters,
        description="Task parameters to change, for retry_failures; unset ones stay as they are.",
    )
    reason: str = Field("", max_length=1000, description="Why, for the record.")
