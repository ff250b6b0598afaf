"""The specification of a task that reads generated events (`fmt=evgen`). Pure.

Source: ops contract section 2.8. A job is a row of the manifest, `file,ext,nevents,ichunk`: the
payload reads ``EVGEN/<file>.<ext>``. Rucio counts no events, so every file has `events_per_job`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.pcs.domain.effective import ConfigNotOfForm, EffectiveConfig
from api.pcs.domain.payload import environment
from api.pcs.domain.value_forms import OUT_DS, shown
from api.pcs.errors import NoArtifact
from api.pcs.models import Dataset, ProdTask

_ROOT: Final = "/EVGEN/"
_EXTENSIONS: Final = ("hepmc3.tree.root", "hepmc.gz", "hepmc3.gz", "hepmc3", "hepmc")
_FIRST_CHUNK: Final = "0000"
_IMAGES: Final = "/cvmfs/singularity.opensciencegrid.org/eicweb/eic_xl:"
_SITE: Final = "BNL_OSG_PanDA_1"
_NO_FILE_SIGN: Final = re.compile(r'[,"\s]|[^\x20-\x7e]')
_NO_STEM_SIGN: Final = re.compile(r"[^A-Za-z0-9._-]")
_ENVIRONMENT: Final = (
    "COPYRECO", "COPYFULL", "COPYLOG", "USERUCIO", "OUT_RSE", "LOG_RSE", "DETECTOR_VERSION",
    "DETECTOR_CONFIG", "EBEAM", "PBEAM", "SIGNAL_FREQ", "SIGNAL_STATUS", "TAG_PREFIX", "BG_FILES",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class InputFiles:
    """The files of a task's input datasets, as Rucio listed them.

    Attributes:
        dids: The datasets.
        names: Their files.
        checked_at: When the oldest of the lists was read.
    """

    dids: Sequence[str]
    names: Sequence[str]
    checked_at: datetime


def submission_spec(
    task: ProdTask, config: EffectiveConfig, inputs: InputFiles, *, try_number: int = 1
) -> dict[str, Any]:
    """The specification, with `inputsCheckedAt` beside the original's keys.

    Args:
        task: The task, with its dataset and its tags.
        config: Its effective configuration.
        inputs: What it reads.
        try_number: Its attempt's; from the second on, outputs get a directory of their own.

    Raises:
        ConfigNotOfForm: A value may not stand in it.
        NoArtifact: The configuration or the input lacks something; says what.
    """
    if problems := config.problems():
        raise ConfigNotOfForm(problems)
    data = config.data
    events = required_events(config)
    rows = [_row(name, events) for name in inputs.names]
    if not rows:
        raise NoArtifact(f"the input {', '.join(inputs.dids)} has no files")
    variables = _environment(task.dataset, config, try_number)
    place = _place(task.dataset, variables.get("TAG_PREFIX", ""), rows[0])
    stem = _NO_STEM_SIGN.sub("_", place)
    hours = config.fields.get("target_hours_per_job")
    return {
        "outDS": _out_ds(f"{task.dataset.scope}.{place}"),
        "vo": data.get("vo") or "epic",
        "userName": task.created_by,
        "workingGroup": config.text("panda_working_group") or "EIC",
        "site": config.text("panda_site") or _SITE,
        "prodSourceLabel": data.get("prod_source_label") or "test",
        "taskType": data.get("task_type") or "prod",
        "processingType": data.get("processing_type") or "epicproduction",
        "containerImage": _image(config),
        "nCore": data.get("corecount") or 1,
        "memory": data.get("ram_count") or 4096,
        "disk": data.get("disk_count") or 4096,
        "walltimeHours": float(hours or data.get("walltime_hours") or 2.0),
        "skipScout": bool(data.get("skip_scout", True)),
        "nJobs": len(rows),
        "nEventsPerJob": 1,
        "exec": f"python3 evgen_job_dispatcher.py %RNDM=0 {stem}",
        "csvBase": stem,
        "csvRows": rows,
        "env": variables,
        "inputsCheckedAt": inputs.checked_at.isoformat(),
    }


def required_events(config: EffectiveConfig) -> int:
    """The events of a job.

    Raises:
        NoArtifact: They are not set.
    """
    events: int | None = config.data.get("events_per_job")
    if not events:
        raise NoArtifact(
            "data.events_per_job is not set: a job reads a file, and Rucio counts no events"
        )
    return events


def _row(name: str, events: int) -> str:
    below = name.removeprefix(_ROOT).lstrip("/")
    if _NO_FILE_SIGN.search(below):
        raise NoArtifact(f"the file {shown(name)} cannot stand in the list of the jobs' files")
    for extension in _EXTENSIONS:
        if below.endswith(f".{extension}"):
            return f"{below.removesuffix(f'.{extension}')},{extension},{events},{_FIRST_CHUNK}"
    known = ", ".join(_EXTENSIONS)
    raise NoArtifact(f"the file {shown(name)} is of no kind that jobs read: {known}")


def _environment(dataset: Dataset, config: EffectiveConfig, try_number: int) -> dict[str, str]:
    variables = environment(dataset, config) | {
        "USERUCIO": "true" if config.fields.get("use_rucio") else "false",
        "OUT_RSE": config.text("rucio_rse"),
        "LOG_RSE": str(config.data.get("log_rse") or ""),
    }
    if try_number > 1:
        prefix = variables.get("TAG_PREFIX", "").strip("/")
        variables["TAG_PREFIX"] = f"{prefix}/try{try_number}".lstrip("/")
    return {name: variables[name] for name in _ENVIRONMENT if variables.get(name)}


def _place(dataset: Dataset, prefix: str, first_row: str) -> str:
    """The name that release, detector, prefix and the first file's directory make."""
    directory = first_row.partition(",")[0].rpartition("/")[0]
    parts = (dataset.detector_version, dataset.detector_config, prefix, directory)
    return "/".join(each for each in parts if each).replace("/", ".").replace("=", "-")


def _out_ds(name: str) -> str:
    if why := OUT_DS.problem(name):
        raise ConfigNotOfForm({"outDS": why})
    return name


def _image(config: EffectiveConfig) -> str:
    image, release = config.text("container_image"), config.text("jug_xl_tag")
    if not image and not release:
        raise NoArtifact("no container: set container_image or jug_xl_tag")
    return image or f"{_IMAGES}{release}"
