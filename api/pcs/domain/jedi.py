"""A task's parameters for JEDI, and all that is known of it (`fmt=jedi`, `fmt=dump`). Pure.

Source: ops contract section 2.8.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig

_TRANSFORMATION: Final = "https://pandaserver-doma.cern.ch/trf/user/runGen-00-00-02"
_SECONDS_PER_HOUR: Final = 3600


@dataclass(frozen=True, kw_only=True)
class JediTask:
    """What JEDI's parameters are made of, beside the configuration."""

    name: str
    owner: str
    scope: str
    detector_version: str
    environment: Mapping[str, str]
    tag_labels: tuple[str, ...]


def task_parameters(task: JediTask, config: EffectiveConfig) -> dict[str, Any]:
    """The task's parameters, as `insertTaskParams` takes them.

    Raises:
        ConfigNotOfForm: A value may not stand in them.
    """
    if problems := config.problems():
        raise ConfigNotOfForm(problems)
    return {
        **_identity(task, config),
        **_resources(config),
        **_optional(config),
        "log": _log(task),
        "jobParameters": _job_parameters(task, config),
    }


def _identity(task: JediTask, config: EffectiveConfig) -> dict[str, Any]:
    data = config.data
    group = config.text("panda_working_group").partition(".")[0] or "EIC"
    return {
        "taskName": task.name,
        "userName": task.owner,
        "vo": data.get("vo") or "eic",
        "workingGroup": group,
        "campaign": task.detector_version,
        "prodSourceLabel": data.get("prod_source_label") or "test",
        "taskType": data.get("task_type") or "production",
        "processingType": data.get("processing_type") or "epicproduction",
        "taskPriority": data.get("task_priority", 900),
        "transPath": data.get("transformation") or _TRANSFORMATION,
        "container_name": config.text("container_image"),
        "noInput": True,
    }


def _resources(config: EffectiveConfig) -> dict[str, Any]:
    data = config.data
    return {
        "nFilesPerJob": data.get("files_per_job", 1),
        "coreCount": data.get("corecount", 1),
        "ramCount": data.get("ram_count", 2000),
        "ramUnit": "MBPerCore",
        "site": config.text("panda_site"),
        "cloud": data.get("cloud") or config.text("panda_working_group"),
    }


def _optional(config: EffectiveConfig) -> dict[str, Any]:
    data = config.data
    events = config.fields.get("events_per_task")
    walltime = data.get("walltime_hours")
    optional = {
        "nFiles": data.get("n_jobs"),
        "nEventsPerJob": data.get("events_per_job"),
        "nEvents": events,
        "walltime": int(walltime * _SECONDS_PER_HOUR) if walltime else None,
        "skipScout": data.get("skip_scout") or None,
        "disableAutoRetry": data.get("disable_auto_retry") or None,
        "useRucio": config.fields.get("use_rucio") or None,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _log(task: JediTask) -> dict[str, Any]:
    return {
        "dataset": f"{task.scope}:{task.name}.log",
        "type": "template",
        "param_type": "log",
        "token": "local",
        "destination": "local",
        "value": f"{_stem(task)}.$PANDAID.log.${{SN}}.log.tgz",
    }


def _job_parameters(task: JediTask, config: EffectiveConfig) -> list[dict[str, Any]]:
    settings = " ".join(f"{name}={shlex.quote(text)}" for name, text in task.environment.items())
    command = config.data.get("exec_command") or "./run.sh"
    return [
        {"type": "constant", "value": f"{settings} {command}".strip()},
        {
            "type": "template",
            "param_type": "output",
            "dataset": f"{task.scope}:{task.name}",
            "token": "local",
            "destination": "local",
            "value": f"{_stem(task)}.$PANDAID.${{SN}}.edm4eic.root",
            "offset": config.data.get("output_offset", 1000),
        },
    ]


def _stem(task: JediTask) -> str:
    return "_".join(task.tag_labels)
