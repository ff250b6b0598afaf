"""TF files, which fast monitoring samples from STFs, for assistants. The original has no such tool.

Keys: those of the original's REST (fastmon contract section 3.8).
"""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel

from api.fastmon.queries import files_of_runs
from api.fastmon.queries.collections import tf_of_run
from api.fastmon.tools.runs import RunNumber, Status, run_url
from api.http.fields import UtcTime
from api.http.tools.answers import Page, page
from api.http.tools.arguments import Limit, Name, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from flows.fastmon.models import FastmonFile, StfFile

toolbox = Toolbox()


class TfItem(BaseModel):
    """A TF file: the frames `tf_first` to `tf_last` of its STF, counted from 0."""

    tf_file_id: uuid.UUID
    tf_filename: str
    stf_filename: str
    run_number: int
    status: str
    tf_first: int | None
    tf_last: int | None
    tf_count: int | None
    file_size_bytes: int | None
    checksum: str | None
    metadata: Any
    created_at: UtcTime


@toolbox.tool("list_tf_files", "swf_list_tf_files")
def list_tf_files(
    call: Call,
    *,
    run_number: RunNumber | None = None,
    stf_filename: Name | None = None,
    tf_filename: Name | None = None,
    status: Status | None = None,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[TfItem]:
    """TF files that fast monitoring has sampled from STFs, the newest first.

    Without a run or a file they are those of the last 24 hours unless start_time says otherwise.
    For the parts of a TF file that workers process, use list_tf_slices.
    """
    is_named = run_number is not None or stf_filename or tf_filename
    begin = start_time if is_named else since(start_time, hours=24)
    of_others = [StfFile.stf_filename == stf_filename] if stf_filename else []
    wanted = [tf_of_run(run_number)] if run_number is not None else []
    wanted += [FastmonFile.tf_filename == tf_filename] if tf_filename else []
    wanted += [FastmonFile.status == status] if status else []
    wanted += [FastmonFile.created_at >= begin] if begin is not None else []
    wanted += [FastmonFile.created_at <= end_time] if end_time else []
    total, rows = files_of_runs.page(
        call.session,
        files_of_runs.tf_query(),
        FastmonFile,
        own=wanted,
        of_others=of_others,
        limit=limit,
        offset=offset,
    )
    items = [TfItem.model_validate(row) for row in rows]
    return page(items, total, offset=offset, urls=[run_url(call, run_number)])
