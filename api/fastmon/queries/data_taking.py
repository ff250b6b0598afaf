"""The REST collections of TF slices, of the states of runs, and of workers. Nothing here commits.

Source: fastmon contract sections 3.8 and 3.10.
"""

from __future__ import annotations

import operator
import re
import uuid
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.http.collections.store import Collection, Filter, table_of
from api.http.fields import shown
from blocks.errors import Invalid
from flows.fastmon.models import (
    FastmonFile,
    RunState,
    StfFile,
    SystemStateEvent,
    TfSlice,
    Worker,
)

_SLICES: Final = table_of(TfSlice)
_TFS: Final = table_of(FastmonFile)
_STFS: Final = table_of(StfFile)
_STATES: Final = table_of(RunState)
_EVENTS: Final = table_of(SystemStateEvent)
_WORKERS: Final = table_of(Worker)
# Older agents name a slice `<TF file without .tf>_slice_<number>.tf`.
_SLICE_NAME: Final = re.compile(r"(?P<base>.+)_slice_[0-9]+(?P<end>\.tf)?", re.ASCII)

SLICES: Final = Collection(
    name="TFSlice",
    words="tf slice",
    table=_SLICES,
    rows=select(
        *(column for column in _SLICES.c if column.name != "fastmon_file_id"),
        _TFS.c.tf_filename.label("fastmon_file"),
        _STFS.c.stf_filename,
    )
    .join(_TFS, _TFS.c.tf_file_id == _SLICES.c.fastmon_file_id)
    .join(_STFS, _STFS.c.file_id == _TFS.c.stf_file_id),
    order=(_SLICES.c.id,),
    filters={
        "id": Filter(_SLICES.c.id, "The slice's key."),
        "fastmon_file_id": Filter(_SLICES.c.fastmon_file_id, "Key of its TF file."),
        "run_number": Filter(_SLICES.c.run_number, "Number of the run."),
        "status": Filter(_SLICES.c.status, "Status of the slice."),
        "assigned_worker": Filter(_SLICES.c.assigned_worker, "The worker that has it."),
        "fastmon_file__tf_filename": Filter(_TFS.c.tf_filename, "Name of its TF file."),
        "fastmon_file__stf_file__stf_filename": Filter(
            _STFS.c.stf_filename, "Name of its STF file."
        ),
        "slice_id": Filter(_SLICES.c.slice_id, "Its number in its TF file."),
        "tf_filename": Filter(_SLICES.c.tf_filename, "Its own name, as older agents send it."),
        "stf_filename": Filter(_STFS.c.stf_filename, "Name of its STF file."),
    },
    columns={"fastmon_file": "fastmon_file_id"},
    counted=select(_SLICES.c.id),
)

RUN_STATES: Final = Collection(
    name="RunState",
    words="run state",
    table=_STATES,
    rows=select(_STATES),
    order=(_STATES.c.run_number,),
    filters={
        "run_number": Filter(_STATES.c.run_number, "Number of the run."),
        "phase": Filter(_STATES.c.phase, "Phase of the run."),
        "state": Filter(_STATES.c.state, "State of the run."),
    },
)

STATE_EVENTS: Final = Collection(
    name="SystemStateEvent",
    words="system state event",
    table=_EVENTS,
    rows=select(_EVENTS),
    order=(_EVENTS.c.event_id,),
    filters={
        "run_number": Filter(_EVENTS.c.run_number, "Number of the run."),
        "event_type": Filter(_EVENTS.c.event_type, "What happened."),
        "state": Filter(_EVENTS.c.state, "State of the run."),
        "start_time": Filter(_EVENTS.c.timestamp, "Not before that time.", operator.ge),
        "end_time": Filter(_EVENTS.c.timestamp, "Before that time.", operator.lt),
    },
)

WORKERS: Final = Collection(
    name="Worker",
    words="worker",
    table=_WORKERS,
    rows=select(_WORKERS),
    order=(_WORKERS.c.worker_id,),
    filters={
        "run_number": Filter(_WORKERS.c.run_number, "Number of the run."),
        "status": Filter(_WORKERS.c.status, "Status of the worker."),
        "location": Filter(_WORKERS.c.location, "Where it runs."),
    },
)


def with_tf_file(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """A slice's values with the key of its TF file, which is named.

    Raises:
        Invalid: There is no such TF file.
    """
    values = {name: value for name, value in values.items() if name != "stf_filename"}
    if "fastmon_file" not in values:
        return values
    name = values["fastmon_file"]
    query = select(FastmonFile.tf_file_id).where(FastmonFile.tf_filename == name)
    key: uuid.UUID | None = session.scalar(query)
    if key is None:
        text = f"Object with tf_filename={shown(name)} does not exist."
        raise Invalid({"fastmon_file": [text]})
    return {**values, "fastmon_file": key}


def tf_name(slice_name: str) -> str:
    """Name of the TF file of a slice of that name; of no slice's name, the name itself."""
    found = _SLICE_NAME.fullmatch(slice_name)
    return found["base"] + (found["end"] or "") if found else slice_name
