"""What a task amounts to: its effective configuration, its readiness, the artifacts made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from api.pcs.domain import effective, jedi, lifecycle, names, prun
from api.pcs.domain.effective import EffectiveConfig
from api.pcs.errors import AttemptNotFound
from api.pcs.models import Attempt, Dataset, ProdConfig, ProdTask, Tag, TagKind
from api.pcs.queries.catalogue import TAG_FIELDS
from api.pcs.queries.tasks import sharing_names

FORMATS: Final = ("panda", "jedi", "dump")
_TASK_FIELDS: Final = (
    "id", "name", "status", "description", "csv_file", "overrides", "created_by"
)  # fmt: skip
_DATASET_FIELDS: Final = (
    "id", "dataset_name", "composed_name", "did", "scope", "detector_version", "detector_config",
    "sample_name",
)  # fmt: skip


def config_of(task: ProdTask) -> EffectiveConfig:
    """The configuration that the task runs with."""
    return effective.effective(_fields(task.prod_config), task.overrides)


def next_try(task: ProdTask) -> int:
    """The number of the task's next attempt; none is ever given twice."""
    return max((attempt.try_number for attempt in task.attempts), default=0) + 1


def readiness(
    session: Session, tasks: Sequence[ProdTask], *, is_relaxed: bool
) -> dict[int, list[str]]:
    """Why each task is not ready, by its key; an empty list says that it is."""
    sharing = sharing_names(session, tasks)
    return {
        task.id: lifecycle.reasons_against(_plan(task, sharing[task.id], is_relaxed=is_relaxed))
        for task in tasks
    }


def reasons_against(session: Session, task: ProdTask, *, is_relaxed: bool) -> list[str]:
    """Why the task is not ready; empty where it is."""
    return readiness(session, [task], is_relaxed=is_relaxed)[task.id]


def _plan(task: ProdTask, sharing: tuple[str, ...], *, is_relaxed: bool) -> lifecycle.TaskPlan:
    composed = task.dataset.composed_name
    catalog = (task.overrides or {}).get("csv_import")
    filters = catalog.get("filters") if isinstance(catalog, dict) else None
    return lifecycle.TaskPlan(
        out_ds=composed,
        next_out_ds=names.attempt_name(composed, next_try(task)),
        config=config_of(task),
        tags={
            kind: lifecycle.TagFacts(tag.tag_label, tag.status == "locked", tag.parameters)
            for kind, tag in _tags(task.dataset).items()
        },
        catalog_filters=filters if isinstance(filters, dict) else {},
        sharing=sharing,
        is_relaxed=is_relaxed,
    )


def _tags(dataset: Dataset) -> dict[TagKind, Tag]:
    tags = {kind: getattr(dataset, field) for field, kind in TAG_FIELDS.items()}
    return {kind: tag for kind, tag in tags.items() if tag is not None}


# ------------------------------------------------------------------ artifacts


def prun_command(task: ProdTask, *, attempt_id: int | None = None) -> str:
    """The `prun` command of the task, or of one of its attempts.

    Raises:
        AttemptNotFound: The task has no such attempt.
        ConfigNotOfForm: A value may not stand in a command.
    """
    return prun.compose(config_of(task), _out_ds(task, attempt_id))


def jedi_parameters(task: ProdTask, *, attempt_id: int | None = None) -> dict[str, Any]:
    """The task's parameters for JEDI.

    Raises:
        AttemptNotFound: The task has no such attempt.
        ConfigNotOfForm: A value may not stand in them.
    """
    config = config_of(task)
    dataset = task.dataset
    made = jedi.JediTask(
        name=_out_ds(task, attempt_id),
        owner=task.created_by,
        scope=dataset.scope,
        detector_version=dataset.detector_version,
        environment=_environment(dataset, config),
        tag_labels=tuple(tag.tag_label for tag in _tags(dataset).values()),
    )
    return jedi.task_parameters(made, config)


def dump(task: ProdTask) -> dict[str, Any]:
    """All that is known of the task: itself, its dataset, tags and configuration."""
    dataset = task.dataset
    tags = _tags(dataset)
    return {
        "task": {name: getattr(task, name) for name in _TASK_FIELDS},
        "dataset": {name: getattr(dataset, name) for name in _DATASET_FIELDS}
        | {"metadata": dataset.meta},
        "tags": {
            kind.name.lower(): {"label": tag.tag_label, "parameters": tag.parameters}
            for kind, tag in tags.items()
        },
        "prod_config": {"name": task.prod_config.name, **_plain(_fields(task.prod_config))},
        "effective_config": config_of(task).as_json(),
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


def _environment(dataset: Dataset, config: EffectiveConfig) -> dict[str, str]:
    flags = {
        "COPYRECO": "copy_reco",
        "COPYFULL": "copy_full",
        "COPYLOG": "copy_log",
        "USERUCIO": "use_rucio",
    }
    switches = {
        name: "true" if config.fields.get(field) else "false" for name, field in flags.items()
    }
    return {
        **switches,
        "DETECTOR_VERSION": dataset.detector_version,
        "DETECTOR_CONFIG": dataset.detector_config,
    }


def _fields(config: ProdConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in (*effective.CONFIG_FIELDS, "data")}


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return effective.effective(fields, None).as_json()
