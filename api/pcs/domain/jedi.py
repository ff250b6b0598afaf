"""A task's parameters for JEDI (`fmt=jedi`). Pure.

Source: ops contract section 2.8; what the real JEDI needs beside it was measured with 1.0.4.
"""

from __future__ import annotations

import shlex
from typing import Any, Final

from api.pcs.domain import widths
from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig
from api.pcs.domain.payload import environment
from api.pcs.models import Dataset, ProdTask

_TRANSFORMATION: Final = "https://pandaserver-doma.cern.ch/trf/user/runGen-00-00-02"
_SECONDS_PER_HOUR: Final = 3600
# JEDI ends a task as broken that lacks one of these keys; the container has the software.
_NO_SOFTWARE: Final = {"transUses": "", "transHome": "", "architecture": ""}


def task_parameters(
    task: ProdTask, name: str, config: EffectiveConfig, *, input_location: str = ""
) -> dict[str, Any]:
    """The task's parameters, as `insertTaskParams` takes them.

    Args:
        task: The task, with its dataset and its tags.
        name: Its name at PanDA.
        config: Its effective configuration.
        input_location: Where the list of its input files is.

    Raises:
        ConfigNotOfForm: A value may not stand in them.
    """
    if problems := config.problems() or widths.map_problems(config):
        raise ConfigNotOfForm(problems)
    data, dataset = config.data, task.dataset
    return {
        "taskName": name,
        "userName": task.created_by,
        "vo": data.get("vo") or "eic",
        "workingGroup": widths.working_group(config) or "EIC",
        "campaign": dataset.detector_version,
        "prodSourceLabel": data.get("prod_source_label") or "test",
        "taskType": data.get("task_type") or "production",
        "processingType": data.get("processing_type") or "epicproduction",
        "taskPriority": data.get("task_priority", 900),
        "transPath": data.get("transformation") or _TRANSFORMATION,
        **_NO_SOFTWARE,
        "container_name": config.text("container_image"),
        "noInput": True,
        "nFilesPerJob": data.get("files_per_job", 1),
        "coreCount": data.get("corecount", 1),
        "ramCount": data.get("ram_count", 2000),
        "ramUnit": "MBPerCore",
        "site": config.text("panda_site"),
        "cloud": widths.cloud(config),
        **_optional(config),
        "log": _log(dataset, name),
        "jobParameters": _job_parameters(task, name, config, input_location),
    }


def _optional(config: EffectiveConfig) -> dict[str, Any]:
    data = config.data
    events = config.fields.get("events_per_task")
    hours = config.fields.get("target_hours_per_job")
    optional = {
        "nFiles": data.get("n_jobs"),
        "nEventsPerJob": data.get("events_per_job"),
        "nEvents": events,
        "walltime": int(hours * _SECONDS_PER_HOUR) if hours else None,
        "skipScout": data.get("skip_scout") or None,
        "disableAutoRetry": data.get("disable_auto_retry") or None,
        "useRucio": config.fields.get("use_rucio") or None,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _log(dataset: Dataset, name: str) -> dict[str, Any]:
    return {
        "dataset": f"{dataset.scope}:{name}.log",
        "type": "template",
        "param_type": "log",
        "token": "local",
        "destination": "local",
        "value": f"{_stem(dataset)}.$PANDAID.log.${{SN}}.log.tgz",
    }


def _job_parameters(
    task: ProdTask, name: str, config: EffectiveConfig, input_location: str
) -> list[dict[str, Any]]:
    dataset = task.dataset
    variables = environment(dataset, config, input_location=input_location)
    settings = " ".join(f"{key}={shlex.quote(text)}" for key, text in variables.items())
    command = config.data.get("exec_command") or "./run.sh"
    return [
        {"type": "constant", "value": f"{settings} {command}".strip()},
        {
            "type": "template",
            "param_type": "output",
            "dataset": f"{dataset.scope}:{name}",
            "token": "local",
            "destination": "local",
            "value": f"{_stem(dataset)}.$PANDAID.${{SN}}.edm4eic.root",
            "offset": config.data.get("output_offset", 1000),
        },
    ]


def _stem(dataset: Dataset) -> str:
    return "_".join(tag.tag_label for tag in dataset.tags.values())
