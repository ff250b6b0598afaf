"""TF slices, the states of runs, and workers: `/api/tf-slices/`, `/api/run-states/` and others.

Source: fastmon contract sections 3.8 and 3.10.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from api.fastmon.queries import data_taking
from api.http.collections.routes import Resource, make_router
from api.http.fields import (
    Count,
    FileName,
    JsonObject,
    JsonValue,
    ParentName,
    Text20,
    Text255,
    Time,
    UtcTime,
    WholeNumber,
    Word20,
    Word50,
    Word255,
)
from flows.common.database import now


class SliceForm(BaseModel):
    """The fields of a TF slice."""

    fastmon_file: ParentName = Field(description="Name of its TF file.")
    slice_id: WholeNumber = Field(description="Its number in its TF file.")
    tf_first: Count = Field(description="Its first time frame.")
    tf_last: Count = Field(description="Its last time frame.")
    tf_count: Count = Field(description="Time frames in it.")
    run_number: WholeNumber = Field(description="Number of the run.")
    status: Word20 = Field("queued", description="Status of its processing, in any word.")
    retries: WholeNumber = Field(0, description="How often it was tried again.")
    metadata: JsonObject | None = Field(None, description="Other information.")
    assigned_worker: Text255 | None = Field(None, description="The worker that has it.")
    assigned_at: Time | None = Field(None, description="When that worker got it.")
    completed_at: Time | None = Field(None, description="When it was done.")
    tf_filename: FileName | None = Field(
        None, description="Older agents: the slice's name, `<TF file>_slice_<number>.tf`."
    )
    stf_filename: FileName | None = Field(None, description="Older agents: its STF file.")

    @model_validator(mode="before")
    @classmethod
    def _of_older_agents(cls, sent: dict[str, Any]) -> dict[str, Any]:
        """They name the slice, and with it its TF file."""
        name = sent.get("tf_filename")
        if sent.get("fastmon_file") or not isinstance(name, str):
            return sent
        return {**sent, "fastmon_file": data_taking.tf_name(name)}


class SliceView(BaseModel):
    """A TF slice; `fastmon_file` is the name of its TF file, `tf_filename` its own."""

    id: int
    fastmon_file: str
    slice_id: int
    tf_first: int
    tf_last: int
    tf_count: int
    run_number: int
    status: str
    retries: int
    metadata: Any
    created_at: UtcTime
    updated_at: UtcTime
    assigned_worker: str | None
    assigned_at: UtcTime | None
    completed_at: UtcTime | None
    tf_filename: str | None
    stf_filename: str


class RunStateForm(BaseModel):
    """The fields of a run's state."""

    run_number: WholeNumber = Field(description="Number of the run, unique.")
    phase: Word20 = Field(description="Phase of the run.")
    state: Word20 = Field(description="State of the run.")
    substate: Text20 | None = Field(None, description="Substate of the run.")
    target_worker_count: WholeNumber = Field(0, description="Workers that are wanted.")
    active_worker_count: WholeNumber = Field(0, description="Workers that work.")
    stf_samples_received: WholeNumber = Field(0, description="Samples that came.")
    slices_created: WholeNumber = Field(0, description="Slices that were made.")
    slices_queued: WholeNumber = Field(0, description="Slices that wait.")
    slices_processing: WholeNumber = Field(0, description="Slices that are worked on.")
    slices_completed: WholeNumber = Field(0, description="Slices that are done.")
    slices_failed: WholeNumber = Field(0, description="Slices that failed.")
    state_changed_at: Time = Field(default_factory=now, description="When the state changed.")
    metadata: JsonObject | None = Field(None, description="Other information.")


class RunStateView(BaseModel):
    """How a run stands."""

    run_number: int
    phase: str
    state: str
    substate: str | None
    target_worker_count: int
    active_worker_count: int
    stf_samples_received: int
    slices_created: int
    slices_queued: int
    slices_processing: int
    slices_completed: int
    slices_failed: int
    state_changed_at: UtcTime
    updated_at: UtcTime
    metadata: Any


class StateEventForm(BaseModel):
    """The fields of a change of the state of data taking."""

    timestamp: Time = Field(description="When it changed.")
    run_number: WholeNumber = Field(description="Number of the run.")
    event_type: Word50 = Field(description="What happened.")
    state: Word20 = Field(description="State of the run.")
    substate: Text20 | None = Field(None, description="Substate of the run.")
    event_data: JsonValue = Field({}, description="Other information.")


class StateEventView(BaseModel):
    """A change of the state of data taking."""

    event_id: int
    timestamp: UtcTime
    run_number: int
    event_type: str
    state: str
    substate: str | None
    event_data: Any


class WorkerForm(BaseModel):
    """The fields of a worker."""

    worker_id: Word255 = Field(description="The worker's name, unique.")
    run_number: WholeNumber = Field(description="Number of the run.")
    panda_job: Text255 = Field("", description="Its PanDA job.")
    location: Text255 = Field("", description="Where it runs.")
    status: Word20 = Field(description="Its status.")
    current_slice_id: WholeNumber | None = Field(None, description="The slice that it works on.")
    tf_filename: Text255 | None = Field(None, description="The TF file that it works on.")
    slices_completed: WholeNumber = Field(0, description="Slices that it did.")
    last_heartbeat: Time | None = Field(None, description="When it was heard last.")
    started_at: Time = Field(default_factory=now, description="When it began.")
    ended_at: Time | None = Field(None, description="When it ended.")
    metadata: JsonObject | None = Field(None, description="Other information.")


class WorkerView(BaseModel):
    """A worker that processes slices."""

    worker_id: str
    run_number: int
    panda_job: str
    location: str
    status: str
    current_slice_id: int | None
    tf_filename: str | None
    slices_completed: int
    last_heartbeat: UtcTime | None
    started_at: UtcTime
    ended_at: UtcTime | None
    metadata: Any


_RUN = 100123

router = APIRouter()
for each in (
    Resource(
        path="tf-slices",
        collection=data_taking.SLICES,
        view=SliceView,
        form=SliceForm,
        resolve=data_taking.with_tf_file,
        example={
            "fastmon_file": "swf.100123.000001_tf_001.tf",
            "slice_id": 0,
            "tf_first": 0,
            "tf_last": 9,
            "tf_count": 10,
            "run_number": _RUN,
        },
        changes_example={"status": "completed", "metadata": {"processed_by": "worker-1"}},
    ),
    Resource(
        path="run-states",
        collection=data_taking.RUN_STATES,
        view=RunStateView,
        form=RunStateForm,
        example={
            "run_number": _RUN,
            "phase": "initializing",
            "state": "imminent",
            "substate": "preparing",
            "target_worker_count": 4,
        },
        changes_example={"stf_samples_received": 1, "slices_created": 15},
    ),
    Resource(
        path="system-state-events",
        collection=data_taking.STATE_EVENTS,
        view=StateEventView,
        form=StateEventForm,
        example={
            "timestamp": "2026-08-01T12:00:00Z",
            "run_number": _RUN,
            "event_type": "start_run",
            "state": "run",
            "substate": "physics",
            "event_data": {"execution_id": "stf_datataking-daq-0001"},
        },
        changes_example={"event_data": {}},
    ),
    Resource(
        path="workers",
        collection=data_taking.WORKERS,
        view=WorkerView,
        form=WorkerForm,
        example={"worker_id": "worker-1", "run_number": _RUN, "status": "running"},
        changes_example={"status": "ended", "slices_completed": 15},
    ),
):
    router.include_router(make_router(each))
