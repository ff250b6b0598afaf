"""TF files, sampled from STF files: `/api/fastmon-files/`."""

from __future__ import annotations

import uuid
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.fastmon.queries import collections
from api.fastmon.schemas import CONFLICT, REMOVAL, Status
from api.http.collections.resource import Resource
from api.http.collections.routes import make_router
from api.http.fields import (
    Count,
    FileName,
    JsonObject,
    ParentName,
    SizeBytes,
    Text64,
    UtcTime,
    shown,
)
from blocks.errors import Invalid
from flows.fastmon.models import FileStatus


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


_FILTERS: Final = {
    "tf_filename": "The file's name.",
    "stf_filename": "Name of its STF file.",
    "status": "Status of the file.",
    "run_id": "Number of the run, as messages call it.",
    "run_number": "Number of the run.",
}

router = make_router(
    Resource(
        path="fastmon-files",
        name="FastMonFile",
        words="fast mon file",
        collection=collections.TF_FILES,
        view=FastMonFileView,
        form=FastMonFileForm,
        filters=_FILTERS,
        remove=collections.remove_tf,
        resolve=_with_parent,
        columns={"stf_file": "stf_file_id"},
        example={
            "stf_file": "swf.100123.000001.stf",
            "tf_filename": "swf.100123.000001_tf_001.tf",
            "file_size_bytes": 46137344,
            "tf_first": 0,
            "tf_last": 20,
            "tf_count": 21,
            "metadata": {"created_by": "fastmon-agent-1"},
        },
        removal=REMOVAL,
        conflict=CONFLICT,
        changes_example={"status": "processed"},
    )
)
