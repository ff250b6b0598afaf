"""STF files, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import func

from api.fastmon.queries import files_of_runs
from api.fastmon.queries.collections import stf_of_run
from api.fastmon.tools.runs import RunNumber, Status, run_url
from api.http.fields import UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound, Refused
from flows.fastmon.models import StfFile

toolbox = Toolbox()

_MACHINE_STATE: Final = Field(description="physics, standby, or another word of the run control.")


class StfFileNotFound(NotFound):
    """There is no STF file of that name or id."""


class NoFileNamed(Refused):
    """Neither a name nor an id was given."""


class StfItem(BaseModel):
    """An STF file."""

    file_id: uuid.UUID
    stf_filename: str
    run_number: int
    status: str
    machine_state: str
    file_size_bytes: int | None
    created_at: UtcTime
    tf_file_count: int


class StfDetail(StfItem):
    """An STF file with all that is recorded of it."""

    checksum: str | None
    metadata: Any
    workflow_id: uuid.UUID | None
    daq_state: str | None
    daq_substate: str | None
    workflow_status: str | None
    tf_count: int | None
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_stf_files", "swf_list_stf_files")
def list_stf_files(
    call: Call,
    *,
    run_number: RunNumber | None = None,
    status: Status | None = None,
    machine_state: Annotated[Name | None, _MACHINE_STATE] = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[StfItem]:
    """STF files, the newest first.

    Without a run_number they are those of the last 24 hours unless start_time says otherwise. For
    how many there are of a run, by status, get_run is enough.
    """
    begin = start_time if run_number is not None else since(start_time, hours=24)
    wanted = [stf_of_run(run_number)] if run_number is not None else []
    wanted += [StfFile.created_at >= begin] if begin is not None else []
    wanted += [StfFile.created_at <= end_time] if end_time else []
    wanted += [StfFile.status == status] if status else []
    wanted += [func.lower(StfFile.machine_state) == machine_state.lower()] if machine_state else []
    total, rows = files_of_runs.page(
        call.session,
        files_of_runs.stf_query(),
        StfFile,
        own=wanted,
        of_others=[],
        limit=limit,
        offset=offset,
    )
    items = [StfItem.model_validate(row) for row in rows]
    return page(items, total, offset=offset, urls=[run_url(call, run_number)])


@toolbox.tool("get_stf_file", "swf_get_stf_file")
def get_stf_file(
    call: Call, *, file_id: uuid.UUID | None = None, stf_filename: Name | None = None
) -> StfDetail:
    """One STF file, by its file_id or its stf_filename, with all that is recorded of it.

    For several, or to find a name, use list_stf_files; for what was sampled of it, list_tf_files.
    """
    if file_id is None and stf_filename is None:
        raise NoFileNamed("Give a file_id or an stf_filename.")
    is_it = StfFile.stf_filename == stf_filename
    if file_id is not None:
        is_it = StfFile.file_id == file_id
    row = files_of_runs.one(call.session, files_of_runs.stf_query(), is_it)
    if row is None:
        named = file_id or stf_filename
        raise StfFileNotFound(f"There is no STF file {named}; list_stf_files has those of a run.")
    return StfDetail.model_validate({**row, "monitor_urls": [run_url(call, row["run_number"])]})
