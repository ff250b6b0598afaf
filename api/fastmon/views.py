"""What the live page shows, and answers as JSON: runs, the plot, files, the inbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, computed_field

QUIET_SECONDS: Final = 30
"""A run that has not ended is idle after so long without a file."""
RATE_SECONDS: Final = 10
"""The present rate is that of so many seconds."""

Key = tuple[str, int]


class RunState(StrEnum):
    """State of a data-taking run, in words."""

    EXPECTED = "expected"
    TAKING_DATA = "taking data"
    PAUSED = "paused"
    IDLE = "idle"
    ENDED = "ended"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Wanted(_View):
    """What is shown: everything, a namespace, a run of it."""

    namespace: str | None = None
    run: int | None = None


class Second(_View):
    """A run's numbers in one second; `at` is in epoch seconds."""

    at: int
    stfs: int = 0
    tfs: int = 0


class LiveRun(_View):
    """A data-taking run's numbers. `lifecycle` is the last message of its beginning or end."""

    namespace: str
    run_number: int
    announced: int = 0
    sampled: int = 0
    tfs: int = 0
    volume_bytes: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    lifecycle: str | None = None
    lifecycle_at: datetime | None = None
    state: RunState = RunState.IDLE
    recent: tuple[Second, ...] = ()

    @property
    def key(self) -> Key:
        """What the run is known by: two namespaces may use one run number."""
        return self.namespace, self.run_number

    @property
    def active_at(self) -> datetime | None:
        """When something was last heard of the run."""
        times = [at for at in (self.last_seen, self.lifecycle_at) if at is not None]
        return max(times, default=None)

    @property
    def rate(self) -> float:
        """STFs per second: now where it takes data, else over its whole time."""
        if self.state is RunState.TAKING_DATA:
            return sum(second.stfs for second in self.recent) / RATE_SECONDS
        if self.first_seen is None or self.last_seen is None:
            return 0.0
        seconds = (self.last_seen - self.first_seen).total_seconds()
        return (self.announced - 1) / seconds if seconds > 0 else 0.0


class Bin(_View):
    """What arrived in one bin of the plot; `at` is its start in epoch seconds."""

    at: int
    stfs: int = 0
    tfs: int = 0
    volume_bytes: int = 0


class Series(_View):
    """The plot's steps between two times; a step without anything is left out."""

    since: datetime
    step_seconds: int
    bins: tuple[Bin, ...]


class TfView(_View):
    """A registered TF file."""

    tf_filename: str
    stf_filename: str
    namespace: str
    run_number: int
    tf_first: int | None
    tf_last: int | None
    file_size_bytes: int | None
    created_at: datetime


class Reason(_View):
    """Why STFs were set aside, how many, and when last."""

    reason: str
    count: int
    last_at: datetime


class InboxView(_View):
    """What waits to be sampled, and what never will be."""

    waiting: int
    set_aside: int
    not_served: int
    reasons: tuple[Reason, ...]


class Snapshot(_View):
    """All data of the page, at the time when `last_event_id` was the newest event."""

    taken_at: datetime
    last_event_id: int
    wanted: Wanted
    namespaces: tuple[str, ...]
    runs: tuple[LiveRun, ...]
    series: Series
    files: tuple[TfView, ...]
    inbox: InboxView

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_unknown(self) -> bool:
        """Whether a run is asked for of which nothing was ever heard."""
        return self.wanted.run is not None and not self.runs

    @property
    def current(self) -> LiveRun | None:
        """The run of which something was heard last."""
        heard = [run for run in self.runs if run.active_at is not None]
        return max(heard, key=lambda run: run.active_at or self.taken_at, default=None)


def state_of(run: LiveRun, at: datetime) -> RunState:
    """How the run stands at a time. Data after a run's end is late, and does not reopen it."""
    if run.lifecycle == "end_run":
        return RunState.ENDED
    if run.lifecycle == "pause_run":
        return RunState.PAUSED
    if run.lifecycle == "run_imminent" and not run.announced:
        return RunState.EXPECTED
    heard = run.active_at
    is_quiet = heard is None or at - heard > timedelta(seconds=QUIET_SECONDS)
    return RunState.IDLE if is_quiet else RunState.TAKING_DATA


def place_of(run: LiveRun) -> tuple[bool, float, str]:
    """Where the run stands in the list: those that take data, then the others, last heard first.

    Those that take data stand by number, so that they keep their places as data come.
    """
    is_taking = run.state is RunState.TAKING_DATA
    heard = run.active_at.timestamp() if run.active_at else 0.0
    return not is_taking, -run.run_number if is_taking else -heard, run.namespace
