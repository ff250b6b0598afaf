"""What PanDA says of tasks and jobs: the JSON of its look-ups."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.panda.tasks import Job, Task

FILTERS: dict[str, Callable[[Task], str | None]] = {
    "jediTaskID": lambda task: str(task.id),
    "taskName": lambda task: task.name,
    "userName": lambda task: task.user_name,
    "status": lambda task: str(task.status),
    "reqID": lambda task: str(task.id),
}
"""What a look-up may ask for, by equality of text."""

_FINISHED_BYTES = 4096


def _named(task: Task, *names: str) -> dict[str, Any]:
    """The task's parameters of these names, None where it has none."""
    return {name: task.parameters.get(name) for name in names}


def _heading(task: Task) -> dict[str, Any]:
    """What every view of a task begins with; times as the server encodes them."""
    return {
        "jediTaskID": task.id,
        "reqID": task.id,
        "taskName": task.name,
        "status": str(task.status),
        "userName": task.user_name,
        "creationDate": task.created_at,
        "modificationTime": task.modified_at,
    }


def detailed(task: Task) -> dict[str, Any]:
    """One item of ``get_tasks_detailed_info_since``."""
    total = len(task.jobs)
    finished = sum(job.status == "finished" for job in task.jobs)
    failed = sum(job.is_failed for job in task.jobs)
    return {
        **_heading(task),
        "superStatus": str(task.status),
        "oldStatus": str(task.old_status) if task.old_status else None,
        "errorDialog": task.error_dialog or None,
        **_named(task, "prodSourceLabel", "taskType", "processingType"),
        **_named(task, "vo", "workingGroup", "site"),
        "nFiles": total,
        "nFilesFinished": finished,
        "nFilesFailed": failed,
        "pctFinished": 100 * finished // total if total else 0,
        "pctFailed": 100 * failed // total if total else 0,
    }


def basic(task: Task) -> dict[str, Any]:
    """One value of ``get_tasks_modified_since``."""
    names = ("processingType", "transUses", "transHome", "architecture", "site", "cloud")
    return _heading(task) | _named(task, *names)


def parse_since(text: str) -> datetime:
    """A time of a query, ``YYYY-MM-DD HH:MM:SS`` in UTC.

    Raises:
        ValueError: It is not of this form.
    """
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def job_description(task: Task, job: Job) -> dict[str, Any]:
    """A job with its files, as ``job/get_description`` gives it."""
    is_failed = job.status == "failed"
    return {
        "PandaID": job.panda_id,
        "jediTaskID": task.id,
        "taskID": task.id,
        "jobStatus": job.status,
        "jobName": f"{task.parameters['taskName'].rstrip('/')}.{job.serial}",
        "attemptNr": job.attempt,
        "maxAttempt": 3 + task.extra_attempts,
        "creationTime": task.created_at,
        "modificationTime": task.modified_at,
        "computingSite": task.parameters.get("site") or "SANDBOX",
        "prodUserName": task.user_name,
        "prodUserID": task.dn,
        "VO": task.parameters.get("vo"),
        **_named(task, "prodSourceLabel", "workingGroup", "processingType"),
        "transExitCode": {"failed": "1", "finished": "0"}.get(job.status),
        "pilotErrorCode": 1305 if is_failed else 0,
        "pilotErrorDiag": "Non-zero exit code from the payload (1)" if is_failed else None,
        "exeErrorCode": 1 if is_failed else 0,
        "exeErrorDiag": None,
        "supErrorCode": 0,
        "ddmErrorCode": 0,
        "brokerageErrorCode": 0,
        "jobDispatcherErrorCode": 0,
        "taskBufferErrorCode": 0,
        "Files": [*_files(task, job)],
    }


def files_by_dataset(task: Task, kinds: set[str]) -> list[dict[str, Any]]:
    """What ``get_datasets_and_files`` gives: the files of these types, by dataset."""
    found: dict[str, list[dict[str, Any]]] = {}
    for job in task.jobs:
        for row in _files(task, job):
            if row["type"] in kinds:
                item = {key: row[key] for key in ("lfn", "scope", "status")} | {"id": row["rowID"]}
                found.setdefault(row["dataset"], []).append(item)
    return [
        {"dataset": {"name": name, "id": number}, "files": files}
        for number, (name, files) in enumerate(found.items(), start=1)
    ]


def _files(task: Task, job: Job) -> Iterator[dict[str, Any]]:
    """The rows of a job's files: its outputs and its log (names: the task's own parameters)."""
    templates = [
        item
        for item in task.parameters.get("jobParameters") or []
        if item.get("type") == "template" and item.get("param_type") == "output"
    ]
    log = task.parameters.get("log")
    for place, item in enumerate([*templates, *([log] if log else [])], start=1):
        dataset = item.get("dataset", "")
        lfn = _expanded(str(item.get("value", "")), task, job)
        is_over = job.status == "finished" or (job.status == "failed" and item is log)
        yield {
            "PandaID": job.panda_id,
            "rowID": job.panda_id * 100 + place,
            "GUID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job.panda_id}/{lfn}")),
            "lfn": lfn,
            "type": item.get("param_type"),
            "scope": ".".join(dataset.split(".")[:2]),
            "dataset": dataset,
            "destinationDBlock": f"{dataset.rstrip('/')}.{task.id}",
            "status": "ready" if is_over else "unknown",
            "fsize": _FINISHED_BYTES if is_over else 0,
            "checksum": "ad:00000001" if is_over else None,
        }


def _expanded(template: str, task: Task, job: Job) -> str:
    """A file's name for one job."""
    serial = f"{job.serial:06d}"
    name = template.replace("${JEDITASKID}", str(task.id)).replace("$JEDITASKID", str(task.id))
    name = name.replace("${SN/P}", serial).replace("${SN}", serial)
    return name.replace("$PANDAID", str(job.panda_id))
