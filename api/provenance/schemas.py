"""The JSON of provenance (ops contract section 3.7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.provenance.models import Availability, Finding, Rule


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class RseView(BaseModel):
    """Files of a dataset at an RSE, by Rucio's summary: available, and in all.

    `type`: DISK, TAPE, or empty where Rucio does not say. `complete`: the summary counts all
    files that the dataset lists, and all are available.
    """

    rse: str
    type: str = ""
    files: int | None
    total: int | None
    bytes: int | None = None
    complete: bool | None


class ProducedView(_View):
    """A produced dataset; `length`, Rucio's own count, is null while it is open.

    `file_count`: the files that Rucio lists; `counted_files`: of these, what totals count here;
    `files_on_disk`: at the disk that has most of them. `complete`: all files are wherever they are
    to be; `contradictions`: where Rucio's counts contradict each other.
    """

    did: str
    stage: str
    version: str = Field(validation_alias="campaign")
    detector_config: str
    background: str
    rses: list[RseView]
    file_count: int
    counted_files: int
    files_on_disk: int
    bytes: int = Field(validation_alias="file_bytes")
    length: int | None
    is_open: bool | None
    complete: bool = Field(validation_alias="is_complete")
    availability: Availability
    contradictions: list[str]
    arrived_at: datetime | None
    checked_at: datetime
    owner_path: str | None
    owner_task: str | None


class MatchView(_View):
    """A produced dataset that counts for a path; `file_count`: its files that are the path's.

    The others as in `ProducedView`.
    """

    did: str
    rule: Rule
    stage: str
    version: str
    background: str
    rses: list[RseView]
    file_count: int = Field(validation_alias="files")
    counted_files: int
    files_on_disk: int
    bytes: int = Field(validation_alias="size_bytes")
    is_open: bool | None
    complete: bool = Field(validation_alias="is_complete")
    availability: Availability
    contradictions: list[str]
    arrived_at: datetime | None
    checked_at: datetime = Field(validation_alias="seen_at")
    owner_path: str | None
    owner_task: str | None


class PathView(BaseModel):
    """A requested path under one detector configuration; null where nothing was found.

    `suggestions`: the same path with another generator version, which finds nothing.
    """

    requested_path: str
    suffix: str
    campaign: str
    detector_config: str | None
    finding: Finding
    found: bool
    reason: str | None
    dids: list[MatchView]
    suggestions: list[str]
    priority: int | None
    requestor: str
    tasks: list[str]
    campaign_tasks: list[str]
    checked_at: datetime | None
    error: str | None


class PathsView(BaseModel):
    """The paths of a selection."""

    count: int
    results: list[PathView]


class CountsView(_View):
    """A campaign's counts: paths, then datasets, files and bytes; a file counts once.

    The paths that are found are `complete` (all files wherever they are to be), `replicating` (all
    at a disk, and other copies under way), `tape` (all on tape only) or `incomplete`.
    `contradictory`: datasets whose counts at Rucio contradict each other.
    """

    requested: int
    found: int
    missing: int
    unknown: int
    complete: int
    replicating: int
    tape: int
    incomplete: int
    datasets: int
    unmatched: int
    contradictory: int
    files: int
    size_bytes: int


class StandingView(BaseModel):
    """A campaign, and how its last sweep ended.

    `state`: `ok`, `stale` (too old), `failed` (the rows are those of `checked_at`)
    or `never`. `request_id`: the open sweep.
    """

    campaign: str
    lifecycle: str | None
    state: str
    error: str | None
    checked_at: datetime | None
    attempted_at: datetime | None
    age_seconds: float | None
    seconds: float | None
    request_id: int | None


class CampaignView(StandingView):
    """A campaign with its counts, and what its rows may be filtered by."""

    counts: CountsView
    detector_configs: list[str]
    stages: list[str]
    rses: list[str]


class ArrivalView(_View):
    """The files that arrived in the 12 h from `at` on."""

    at: datetime
    stage: str
    datasets: int
    files: int
    size_bytes: int


class ArrivalsView(_View):
    """The files that arrived between two sweeps of the arrivals, by campaign."""

    id: int
    window_start: datetime
    swept_at: datetime
    files: int
    by_campaign: dict[str, Any]


class FileView(_View):
    """A file of a dataset."""

    name: str
    bytes: int | None = Field(validation_alias="size_bytes")
    adler32: str | None


class LiveView(_View):
    """Rucio's answer when the DID was last read."""

    is_there: bool
    read_at: datetime | None
    attempted_at: datetime
    error: str | None
    body: dict[str, Any]


class DidView(BaseModel):
    """All that is known of a DID; `dataset`: that of the file, if the DID is a file."""

    did: str
    dataset: ProducedView | None
    files: list[FileView]
    page: int
    pages: int
    requested_paths: list[dict[str, str]]
    inputs: list[str]
    outputs: list[str]
    live: LiveView | None
    request_id: int | None


class ReportView(_View):
    """A completion report."""

    id: int
    campaign: str
    made_at: datetime
    previous_id: int | None
    mailed_at: datetime | None
    mail_error: str | None


class ReportDetailView(ReportView):
    """A completion report with what it says."""

    body: dict[str, Any]
