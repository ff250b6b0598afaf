"""TF slices, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from api.fastmon.queries import files_of_runs
from api.fastmon.tools.runs import RunNumber, run_url
from api.http.fields import MAX_INTEGER, UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import LARGEST_ID, Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound
from flows.fastmon.models import FastmonFile, StfFile, TfSlice

toolbox = Toolbox()

SliceKey = Annotated[int, Field(ge=1, le=LARGEST_ID, description="The row's key.")]
_STATUS: Final = Field(description="queued, processing, completed, failed, or a worker's own word.")
SliceId = Annotated[int, Field(ge=0, le=MAX_INTEGER, description="Its number in the TF file.")]


class SliceNotFound(NotFound):
    """There is no such slice of that TF file."""


class SliceItem(BaseModel):
    """A part of a TF file that one worker processes."""

    id: int
    fastmon_file_id: uuid.UUID
    slice_id: int
    tf_filename: str
    stf_filename: str
    run_number: int
    tf_first: int
    tf_last: int
    tf_count: int
    status: str
    assigned_worker: str | None
    created_at: UtcTime
    completed_at: UtcTime | None


class SliceDetail(SliceItem):
    """A slice, with how it was processed."""

    retries: int
    assigned_at: UtcTime | None
    metadata: Any
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_tf_slices", "swf_list_tf_slices")
def list_tf_slices(
    call: Call,
    *,
    id: SliceKey | None = None,  # noqa: A002 - the original's name
    fastmon_file_id: uuid.UUID | None = None,
    run_number: RunNumber | None = None,
    stf_filename: Name | None = None,
    tf_filename: Name | None = None,
    status: Annotated[Name | None, _STATUS] = None,
    assigned_worker: Name | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[SliceItem]:
    """The slices of TF files that workers process, the newest first.

    Without an id, a run or a file they are those of the last 24 hours unless start_time says
    otherwise. For the TF files themselves, use list_tf_files.
    """
    named = (id, fastmon_file_id, run_number, stf_filename, tf_filename)
    is_named = any(each is not None for each in named)
    begin = start_time if is_named else since(start_time, hours=24)
    of_others = [StfFile.stf_filename == stf_filename] if stf_filename else []
    of_others += [FastmonFile.tf_filename == tf_filename] if tf_filename else []
    wanted = [TfSlice.id == id] if id is not None else []
    wanted += [TfSlice.fastmon_file_id == fastmon_file_id] if fastmon_file_id else []
    wanted += [TfSlice.run_number == run_number] if run_number is not None else []
    wanted += [TfSlice.status == status.lower()] if status else []
    wanted += [TfSlice.assigned_worker == assigned_worker] if assigned_worker else []
    wanted += [TfSlice.created_at >= begin] if begin is not None else []
    wanted += [TfSlice.created_at <= end_time] if end_time else []
    total, rows = files_of_runs.page(
        call.session,
        files_of_runs.slice_query(),
        TfSlice,
        own=wanted,
        of_others=of_others,
        limit=limit,
        offset=offset,
    )
    items = [SliceItem.model_validate(row) for row in rows]
    return page(items, total, offset=offset, urls=[run_url(call, run_number)])


@toolbox.tool("get_tf_slice", "swf_get_tf_slice")
def get_tf_slice(call: Call, *, tf_filename: Name, slice_id: SliceId) -> SliceDetail:
    """One slice of a TF file, by the file's name and the slice's number in it, with its worker.

    Use it for how one slice was processed; for all of a file or a run, use list_tf_slices.
    """
    is_it = (FastmonFile.tf_filename == tf_filename, TfSlice.slice_id == slice_id)
    row = files_of_runs.one(call.session, files_of_runs.slice_query(), *is_it)
    if row is None:
        text = f"There is no slice {slice_id} of {tf_filename}; list_tf_slices has those there are."
        raise SliceNotFound(text)
    return SliceDetail.model_validate({**row, "monitor_urls": [run_url(call, row["run_number"])]})
