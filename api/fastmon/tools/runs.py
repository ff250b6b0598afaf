"""Data-taking runs, for assistants. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from api.fastmon.queries import runs
from api.http.fields import MAX_INTEGER, UtcTime
from api.http.tools.answers import MonitorUrl, Page, page
from api.http.tools.arguments import IN_ANY_CASE, Limit, Offset, Time, since
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from blocks.errors import NotFound
from flows.fastmon.models import FileStatus

toolbox = Toolbox()

_HOURS: Final = 7 * 24
RunNumber = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Status = Annotated[FileStatus, IN_ANY_CASE]


class RunNotFound(NotFound):
    """There is no run of that number."""


class RunTimes(BaseModel):
    """A data-taking run."""

    run_number: int
    start_time: UtcTime
    end_time: UtcTime | None
    duration_seconds: float | None = Field(None, description="Null: it has not ended.")

    def model_post_init(self, _context: Any, /) -> None:
        """How long it took follows from its times."""
        if self.end_time is not None:
            self.duration_seconds = (self.end_time - self.start_time).total_seconds()


class RunItem(RunTimes):
    """A run in a list."""

    stf_file_count: int


class RunDetail(RunTimes):
    """A run, and how its files stand."""

    run_conditions: Any
    file_stats: dict[str, int] = Field(description="STF files by their status.")
    total_stf_files: int
    monitor_urls: list[MonitorUrl]


@toolbox.tool("list_runs", "swf_list_runs")
def list_runs(
    call: Call,
    *,
    start_time: Time | None = None,
    end_time: Time | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[RunItem]:
    """Data-taking runs with their numbers of STF files, the newest first.

    They are those that began within the last 7 days unless start_time says otherwise. For one
    whose number is known, use get_run.
    """
    begin = since(start_time, hours=_HOURS)
    total, rows = runs.page(call.session, since=begin, until=end_time, limit=limit, offset=offset)
    items = [RunItem.model_validate(row) for row in rows]
    return page(items, total, offset=offset, urls=[call.shown_at("Data taking", "/fastmon/")])


@toolbox.tool("get_run", "swf_get_run")
def get_run(call: Call, *, run_number: RunNumber) -> RunDetail:
    """One run by its number, with its conditions and how many STF files it has of each status.

    For the files themselves, use list_stf_files; to find a run by its time, list_runs.
    """
    row = runs.find(call.session, run_number)
    if row is None:
        raise RunNotFound(f"There is no run {run_number}; list_runs has those that there are.")
    stats = runs.files_by_status(call.session, run_number)
    return RunDetail.model_validate(
        {
            **row,
            "file_stats": stats,
            "total_stf_files": sum(stats.values()),
            "monitor_urls": [run_url(call, run_number)],
        }
    )


def run_url(call: Call, run_number: int | None) -> MonitorUrl:
    """The page of a run, or of all."""
    title = "Data taking" if run_number is None else f"Run {run_number}"
    return call.shown_at(title, "/fastmon/", run=run_number)
