"""STF files: `/api/stf-files/`."""

from __future__ import annotations

import uuid
from typing import Any, Final

from pydantic import BaseModel, Field

from api.fastmon.queries import collections
from api.fastmon.schemas import CONFLICT, REMOVAL, Status
from api.http.collections.resource import Resource
from api.http.collections.routes import make_router
from api.http.fields import (
    Count,
    FileName,
    JsonObject,
    ParentKey,
    SizeBytes,
    Text20,
    Text30,
    Text64,
    UtcTime,
    Word64,
)
from flows.fastmon.models import FileStatus


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


_FILTERS: Final = {
    "stf_filename": "The file's name.",
    "run_number": "Number of the run.",
    "status": "Status of the file.",
    "workflow_id": "The workflow it belongs to.",
}

router = make_router(
    Resource(
        path="stf-files",
        name="StfFile",
        words="stf file",
        collection=collections.STF_FILES,
        view=StfFileView,
        form=StfFileForm,
        filters=_FILTERS,
        remove=collections.remove_stf,
        columns={"run": "run_id"},
        example={
            "run": 1,
            "stf_filename": "swf.100123.000001.stf",
            "file_size_bytes": 2147483648,
            "checksum": "ad:1a2b3c4d",
            "status": "registered",
            "tf_count": 1000,
            "metadata": {"created_by": "data-agent-1", "sequence": 1},
        },
        removal=REMOVAL,
        conflict=CONFLICT,
        changes_example={"status": "processed", "metadata": {"processed_by": "data-agent-1"}},
    )
)
