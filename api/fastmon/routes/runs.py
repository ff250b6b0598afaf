"""Data-taking runs: `/api/runs/`. Messages' `run_id` is `run_number` here; `run_id` is the key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from api.fastmon.queries import collections
from api.fastmon.schemas import CONFLICT, REMOVAL
from api.http.collections.resource import Resource
from api.http.collections.routes import make_router
from api.http.fields import Count, JsonObject, Time, UtcTime


class RunForm(BaseModel):
    """The fields of a run."""

    run_number: Count = Field(description="The run's number, unique.")
    start_time: Time = Field(description="When it began.")
    end_time: Time | None = Field(None, description="When it ended.")
    run_conditions: JsonObject | None = Field(None, description="Conditions it was taken under.")


class RunView(BaseModel):
    """A data-taking run."""

    run_id: int
    run_number: int
    start_time: UtcTime
    end_time: UtcTime | None
    run_conditions: Any


router = make_router(
    Resource(
        path="runs",
        name="Run",
        words="run",
        collection=collections.RUNS,
        view=RunView,
        form=RunForm,
        filters={"run_number": "The run's number."},
        remove=collections.remove_run,
        example={
            "run_number": 100123,
            "start_time": "2026-08-01T12:00:00Z",
            "run_conditions": {"beam": "18x275"},
        },
        removal=REMOVAL,
        conflict=CONFLICT,
        changes_example={"end_time": "2026-08-01T13:00:00Z"},
    )
)
