"""What a task amounts to: its effective configuration, its readiness, the artifacts made of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from api.pcs.domain import effective, jedi, lifecycle, names, prun
from api.pcs.domain.effective import EffectiveConfig
from api.pcs.errors import AttemptNotFound
from api.pcs.models import Attempt, ProdConfig, ProdTask
from api.pcs.queries.tasks import input_location, sharing_names

_TASK_FIELDS: Final = (
    "id", "name", "description", "status", "csv_file", "created_by", "created_at", "updated_at",
)  # fmt: skip
_DATASET_FIELDS: Final = (
    "id", "composed_name", "dataset_name", "did", "scope", "detector_version", "detector_config",
    "sample_name", "blocks", "description", "created_by", "created_at",
)  # fmt: skip
_TAG_FIELDS: Final = (
    "tag_label", "tag_number", "status", "description", "parameters", "created_by", "created_at",
)  # fmt: skip
_CONFIG_FIELDS: Final = ("name", "description", "created_by", "created_at", "updated_at")


def config_of(task: ProdTask) -> EffectiveConfig:
    """The configuration that the task runs with."""
    return effective.effective(_fields(task.prod_config), task.overrides)


def next_try(task: ProdTask) -> int:
    """The number of the task's next attempt; none is ever given twice."""
    return max((attempt.try_number for attempt in task.attempts), default=0) + 1


def next_name(task: ProdTask) -> str:
    """The name that the task's next attempt gets at PanDA."""
    return names.attempt_name(task.dataset.composed_name, next_try(task))


def readiness(
    session: Session, tasks: Sequence[ProdTask], *, is_relaxed: bool
) -> dict[int, list[str]]:
    """Why each task is not ready, by its key; an empty list says that it is."""
    sharing = sharing_names(session, tasks)
    return {
        task.id: lifecycle.reasons_against(
            task,
            config_of(task),
            next_name=next_name(task),
            sharing=sharing[task.id],
            is_relaxed=is_relaxed,
        )
        for task in tasks
    }


def reasons_against(session: Session, task: ProdTask, *, is_relaxed: bool) -> list[str]:
    """Why the task is not ready; empty where it is."""
    return readiness(session, [task], is_relaxed=is_relaxed)[task.id]


# ------------------------------------------------------------------ artifacts


def prun_command(task: ProdTask, *, attempt_id: int | None = None) -> str:
    """The `prun` command of the task, or of one of its attempts.

    Raises:
        AttemptNotFound: The task has no such attempt.
        ConfigNotOfForm: A value may not stand in a command.
    """
    return prun.compose(config_of(task), _out_ds(task, attempt_id))


def jedi_parameters(
    session: Session, task: ProdTask, *, attempt_id: int | None = None
) -> dict[str, Any]:
    """The task's parameters for JEDI.

    Raises:
        AttemptNotFound: The task has no such attempt.
        ConfigNotOfForm: A value may not stand in them.
    """
    return jedi.task_parameters(
        task,
        _out_ds(task, attempt_id),
        config_of(task),
        input_location=input_location(session, task),
    )


def dump(task: ProdTask) -> dict[str, Any]:
    """All that is known of the task: itself, its dataset, tags and configuration."""
    dataset, config = task.dataset, task.prod_config
    overrides = task.overrides or {}
    tags = {kind.word: None for kind in lifecycle.REQUIRED_TAGS} | {
        kind.word: _shown(tag, _TAG_FIELDS) for kind, tag in dataset.tags.items()
    }
    named = _shown(config, _CONFIG_FIELDS)
    return {
        "task": _shown(task, _TASK_FIELDS)
        | {"composed_name": dataset.composed_name, "overrides": overrides}
        | {"input_dataset_dids": effective.input_dids(overrides)}
        | {name: overrides.get(name) or [] for name in effective.LINKED_DIDS},
        "dataset": _shown(dataset, _DATASET_FIELDS) | {"metadata": dataset.meta},
        "tags": tags,
        "prod_config": named | effective.effective(_fields(config), None).as_json(),
        "effective_config": {
            **{name: named[name] for name in ("name", "description", "created_by")},
            **config_of(task).as_json(),
        },
    }


def _shown(row: Any, fields: Sequence[str]) -> dict[str, Any]:
    """A row's fields as JSON has them."""
    values = {name: getattr(row, name) for name in fields}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _out_ds(task: ProdTask, attempt_id: int | None) -> str:
    return task.dataset.composed_name if attempt_id is None else attempt(task, attempt_id).task_name


def attempt(task: ProdTask, attempt_id: int) -> Attempt:
    """An attempt of the task.

    Raises:
        AttemptNotFound: It has none of that key.
    """
    for found in task.attempts:
        if found.id == attempt_id:
            return found
    raise AttemptNotFound(f"No PandaTasks row {attempt_id} of task '{task.name}'")


def _fields(config: ProdConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in (*effective.CONFIG_FIELDS, "data")}
