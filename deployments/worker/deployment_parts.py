"""The parts of a deployment: as they are declared, and as they stand at Prefect. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from deployments import catalogue
from flows.common.action_descriptions import described
from flows.common.actions import Action

QUEUE: Final = "default"
TAGS: Final = ("prodops",)


class Part(StrEnum):
    """A part of a deployment that is declared."""

    SCHEDULE = "schedule"
    LIMIT = "limit"
    QUEUE = "queue"
    DESCRIPTION = "description"
    TAGS = "tags"
    PARAMETERS = "parameters"
    COLLISIONS = "concurrency options"
    POOL = "pool"
    ENTRYPOINT = "entrypoint"
    FORM = "form"
    JOB_VARIABLES = "job variables"


EDITABLE: Final = (
    Part.SCHEDULE,
    Part.LIMIT,
    Part.QUEUE,
    Part.DESCRIPTION,
    Part.TAGS,
    Part.PARAMETERS,
    Part.COLLISIONS,
)
"""What an operator may edit in Prefect; the other parts say which code runs, and are restored."""

_ENQUEUE: Final = {"collision_strategy": "ENQUEUE"}  # what Prefect does unless it is told
_FORM: Final = ("parameter_openapi_schema", "enforce_parameter_schema")

Parts = Mapping[Part, Any]
"""The value of each part, as JSON has it; what is more than one value has the names of Prefect."""


@dataclass(frozen=True)
class Edit:
    """A part of a deployment, of the pool or of a queue that differs from its declaration.

    Attributes:
        deployment: Name of the deployment; or e.g. `work pool prodops`, `work queue night`.
        part: The part, or `paused`.
        now: What it is at Prefect, in words.
        declared: What is declared, in words.
    """

    deployment: str
    part: str
    now: str
    declared: str

    def row(self) -> dict[str, str]:
        """As it is written with a heartbeat."""
        return asdict(self)


def declared(action: Action, pool: str) -> Parts:
    """The parts of the deployment of an action, as they are declared."""
    is_scheduled = action.schedule is not None and action.is_scheduled()
    schedule = {"cron": action.schedule, "timezone": "UTC", "day_or": True}
    return {
        Part.SCHEDULE: [_schedule(schedule)] if is_scheduled else [],
        Part.LIMIT: action.runs_at_a_time,
        Part.QUEUE: QUEUE,
        Part.DESCRIPTION: described(action),
        Part.TAGS: sorted(TAGS),
        Part.PARAMETERS: {},
        Part.COLLISIONS: _ENQUEUE,
        Part.POOL: pool,
        Part.ENTRYPOINT: {
            "entrypoint": catalogue.entrypoint_of(action.name),
            "path": None,
            "pull_steps": None,
        },
        Part.FORM: {
            "parameter_openapi_schema": catalogue.form_schema(action),
            "enforce_parameter_schema": True,
        },
        Part.JOB_VARIABLES: {},
    }


def at_prefect(deployment: Mapping[str, Any]) -> Parts:
    """The parts of a deployment, as Prefect's REST answers it."""
    limit = deployment["global_concurrency_limit"]
    found = [
        _schedule(each["schedule"], is_active=each["active"], parameters=each["parameters"])
        for each in deployment["schedules"]
    ]
    return {
        Part.SCHEDULE: sorted(found, key=digest),
        Part.LIMIT: limit["limit"] if limit is not None and limit["active"] else None,
        Part.QUEUE: deployment["work_queue_name"],
        Part.DESCRIPTION: deployment["description"],
        Part.TAGS: sorted(deployment["tags"]),
        Part.PARAMETERS: deployment["parameters"],
        Part.COLLISIONS: _given(deployment["concurrency_options"] or _ENQUEUE),
        Part.POOL: deployment["work_pool_name"],
        Part.ENTRYPOINT: {
            "entrypoint": deployment["entrypoint"],
            "path": deployment["path"],
            "pull_steps": deployment["pull_steps"] or None,
        },
        Part.FORM: {name: deployment[name] for name in _FORM},
        Part.JOB_VARIABLES: deployment["job_variables"] or {},
    }


def _schedule(
    timing: Mapping[str, Any], *, is_active: bool = True, parameters: object = None
) -> dict[str, Any]:
    return {"timing": dict(timing), "is_active": is_active, "parameters": parameters or {}}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def digest(value: object) -> str:
    """By what it is recognised later that a part has changed."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def digests(parts: Parts) -> dict[str, str]:
    """The digest of each part."""
    return {part.value: digest(parts[part]) for part in Part}


def to_write(
    wanted: Parts, found: Parts, written: Mapping[str, str], *, is_own_pool: bool = True
) -> list[Part]:
    """The parts to write at Prefect.

    Args:
        wanted: As they are declared.
        found: As they stand at Prefect.
        written: The digests of what was declared when they were last written.
        is_own_pool: Whether it is the warm worker's, which takes no job variables; in another, an
            operator sets them.
    """
    editable = EDITABLE if is_own_pool else (*EDITABLE, Part.JOB_VARIABLES)
    return [
        part
        for part in Part
        if wanted[part] != found[part]
        and (part not in editable or _is_declared_anew(part, wanted, written))
    ]


def _is_declared_anew(part: Part, wanted: Parts, written: Mapping[str, str]) -> bool:
    if written and part not in written:
        return False  # a part that an older version did not know: an edit of it stays
    return written.get(part) != digest(wanted[part])


def edits(action: Action, deployment: Mapping[str, Any], pool: str) -> Iterator[Edit]:
    """What an operator has edited of a deployment, as Prefect's REST answers it."""
    wanted, found = declared(action, pool), at_prefect(deployment)
    for part in EDITABLE:
        if wanted[part] != found[part]:
            yield edit(action.name, part, wanted=wanted, found=found)
    if deployment["paused"]:
        yield Edit(action.name, "paused", "paused", "not paused")


def edit(name: str, part: Part, *, wanted: Parts, found: Parts) -> Edit:
    """The difference of a part, in words."""
    return Edit(name, part.value, in_words(part, found[part]), in_words(part, wanted[part]))


def in_words(part: Part, value: Any) -> str:
    """The value of a part."""
    if part is Part.SCHEDULE:
        return "; ".join(_schedule_in_words(each) for each in value) or "none"
    if part is Part.TAGS:
        return ", ".join(value) or "none"
    if part is Part.DESCRIPTION and value:
        first, _, rest = value.partition("\n")
        return f"{first} …" if rest else first
    if part is Part.FORM:
        return f"form {digest(value)[:8]}"
    if part is Part.JOB_VARIABLES:  # of a mapping, such as `env`, only that it is there
        value = {name: "…" if isinstance(each, dict) else each for name, each in value.items()}
    if isinstance(value, dict):
        given = (f"{name}={each}" for name, each in sorted(value.items()) if each is not None)
        return ", ".join(given) or "none"
    return "none" if value is None else str(value)


def _schedule_in_words(schedule: Mapping[str, Any]) -> str:
    timing = schedule["timing"]
    words = str(timing.get("cron") or timing.get("rrule") or f"every {timing.get('interval')} s")
    if (zone := timing.get("timezone")) not in {None, "UTC"}:
        words += f" {zone}"
    if schedule["parameters"]:
        words += " with parameters of its own"
    return words if schedule["is_active"] else f"{words} (off)"
