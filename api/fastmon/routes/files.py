"""The agents' collections: `/api/runs/`, `/api/stf-files/`, `/api/fastmon-files/`.

Messages' `run_id` is `run_number` here; `run_id` is a run's key.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.fastmon.queries import collections
from api.http.collections.routes import Resource, make_router
from api.http.fields import (
    Count,
    FileName,
    JsonObject,
    ParentKey,
    ParentName,
    SizeBytes,
    Text20,
    Text30,
    Text64,
    Time,
    UtcTime,
    WholeNumber,
    Word64,
    choice,
    shown,
)
from blocks.errors import Invalid
from flows.fastmon.models import FileStatus

Status = Annotated[FileStatus, *choice(FileStatus)]
_REMOVAL: Final = "Files below it go too. 409 where the sampler made one: nothing is deleted then."
_CONFLICT: Final = "The sampler made it, or a file below it."


class RunForm(BaseModel):
    """The fields of a run."""

    run_number: WholeNumber = Field(description="The run's number, unique.")
    start_time: Time = Field(description="When it began.")
    end_time: Time | None = Field(None, description="When it ended.")
    run_conditions: JsonObject | None = Field(None, description="Conditions it was taken under.")


class RunView(BaseModel):
    """A data-taking run."""

    run_id: int
    run_number: int
    start_time: UtcTime
    end_time: UtcTime | None
    run_conditions: Any


class StfFileForm(BaseModel):
    """The fields of an STF file."""

    run: ParentKey = Field(description="`run_id` of its run.")
    stf_filename: FileName = Field(description="Its name, unique, without a path.")
    machine_state: Word64 = Field("physics", description="State of the machine.")
    file_size_bytes: SizeBytes | None = Field(None, description="Its size.")
    checksum: Text64 | None = Field(None, description="Its checksum.")
    status: Status = Field(FileStatus.REGISTERED, description="Status of its processing.")
    metadata: JsonObject | None = Field(None, description="Other information.")
    workflow_id: uuid.UUID | None = Field(None, description="The workflow it belongs to.")
    daq_state: Text20 | None = Field(None, description="State of the data acquisition.")
    daq_substate: Text20 | None = Field(None, description="Substate of the data acquisition.")
    workflow_status: Text30 | None = Field(None, description="Status of its workflow.")
    tf_count: Count | None = Field(None, description="Time frames in it.")


class StfFileView(BaseModel):
    """An STF file."""

    file_id: uuid.UUID
    machine_state: str
    stf_filename: str
    file_size_bytes: int | None
    checksum: str | None
    created_at: UtcTime
    status: str
    metadata: Any
    workflow_id: uuid.UUID | None
    daq_state: str | None
    daq_substate: str | None
    workflow_status: str | None
    tf_count: int | None
    run: int


class FastMonFileForm(BaseModel):
    """The fields of a TF file."""

    stf_file: ParentName = Field(description="Name of its STF file, or that file's id.")
    tf_filename: FileName = Field(description="Its name, unique, without a path.")
    file_size_bytes: SizeBytes | None = Field(None, description="Its size.")
    checksum: Text64 | None = Field(None, description="Its checksum.")
    status: Status = Field(FileStatus.REGISTERED, description="Status of its processing.")
    metadata: JsonObject | None = Field(None, description="Other information.")
    tf_count: Count | None = Field(None, description="Time frames in it.")
    tf_first: Count | None = Field(None, description="Its first time frame, counted from 0.")
    tf_last: Count | None = Field(None, description="Its last time frame.")


class FastMonFileView(BaseModel):
    """A TF file; `stf_file` is the name of its STF file."""

    tf_file_id: uuid.UUID
    stf_file: str
    tf_filename: str
    file_size_bytes: int | None
    checksum: str | None
    status: str
    metadata: Any
    created_at: UtcTime
    updated_at: UtcTime
    tf_count: int | None
    tf_first: int | None
    tf_last: int | None


def _with_parent(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """The values with the parent's key: agents name it, and older ones send its id."""
    if "stf_file" not in values:
        return values
    key = collections.find_stf(session, values["stf_file"])
    if key is None:
        text = f"Object with stf_filename={shown(values['stf_file'])} does not exist."
        raise Invalid({"stf_file": [text]})
    return {**values, "stf_file": key}


router = APIRouter()
for each in (
    Resource(
        path="fastmon-files",
        collection=collections.TF_FILES,
        view=FastMonFileView,
        form=FastMonFileForm,
        remove=collections.remove_tf,
        resolve=_with_parent,
        example={
            "stf_file": "swf.100123.000001.stf",
            "tf_filename": "swf.100123.000001_tf_001.tf",
            "file_size_bytes": 46137344,
            "tf_first": 0,
            "tf_last": 20,
            "tf_count": 21,
            "metadata": {"created_by": "fastmon-agent-1"},
        },
        changes_example={"status": "processed"},
    ),
    Resource(
        path="runs",
        collection=collections.RUNS,
        view=RunView,
        form=RunForm,
        remove=collections.remove_run,
        example={
            "run_number": 100123,
            "start_time": "2026-08-01T12:00:00Z",
            "run_conditions": {"beam": "18x275"},
        },
        changes_example={"end_time": "2026-08-01T13:00:00Z"},
    ),
    Resource(
        path="stf-files",
        collection=collections.STF_FILES,
        view=StfFileView,
        form=StfFileForm,
        remove=collections.remove_stf,
        example={
            "run": 1,
            "stf_filename": "swf.100123.000001.stf",
            "file_size_bytes": 2147483648,
            "checksum": "ad:1a2b3c4d",
            "status": "registered",
            "tf_count": 1000,
            "metadata": {"created_by": "data-agent-1", "sequence": 1},
        },
        changes_example={"status": "processed", "metadata": {"processed_by": "data-agent-1"}},
    ),
):
    router.include_router(make_router(each, removal=_REMOVAL, conflict=_CONFLICT))
