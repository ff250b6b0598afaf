"""PanDA's methods that tell of tasks and jobs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from deployments.sandbox.panda import views
from deployments.sandbox.panda.protocol import Envelope
from deployments.sandbox.panda.registry import NOT_FOUND, Panda, get, post
from deployments.sandbox.panda.tasks import Task
from deployments.sandbox.panda.tokens import Caller


@get("task/get_status")
def get_status(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """A task's state."""
    task = panda.refined(task_id)
    return Envelope(True, data=str(task.status)) if task else NOT_FOUND


@get("task/get_task_parameters")
def get_task_parameters(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """What a task was submitted with; waiting tasks are seen too."""
    task = panda.state.get(task_id)
    return Envelope(True, data=task.parameters) if task else NOT_FOUND


@get("task/get_tasks_detailed_info_since")
def get_tasks_detailed_info_since(
    panda: Panda,
    caller: Caller,
    *,
    since: str | None = None,
    filters: str | None = None,
    n_tasks: int = 500,
) -> Envelope:
    """Tasks by exact fields; the caller's own where no userName is asked for."""
    try:
        wanted = json.loads(filters) if filters else {}
        oldest = views.parse_since(since) if since else None
    except ValueError as error:
        return Envelope(False, str(error))
    if not isinstance(wanted, dict) or (unknown := set(wanted) - set(views.FILTERS)):
        return Envelope(False, f"unknown attribute in filters: {sorted(unknown)}")
    wanted.setdefault("userName", caller.user_name)
    found = [task for task in panda.state.refined() if _fits(task, wanted, oldest)]
    return Envelope(True, data=[views.detailed(task) for task in found[:n_tasks]])


@get("task/get_tasks_modified_since")
def get_tasks_modified_since(
    panda: Panda,
    caller: Caller,
    *,
    since: str,
    dn: str | None = None,
    full: bool = False,
    min_task_id: int | None = None,
    prod_source_label: str = "user",
) -> Envelope:
    """A user's tasks of one label that changed after a time, by id."""
    try:
        oldest = views.parse_since(since)
    except ValueError as error:
        return Envelope(False, str(error))
    user_name = (dn or caller.dn).split("/CN=", 1)[0]
    view = views.detailed if full else views.basic
    found = {
        task.id: view(task)
        for task in panda.state.refined()
        if task.modified_at > oldest
        and task.user_name == user_name
        and task.label == prod_source_label
        and task.id > (min_task_id or 0)
    }
    return Envelope(True, data=found)


@get("task/get_details")
def get_details(
    panda: Panda,
    _caller: Caller,
    *,
    task_id: int,
    include_parameters: bool = False,
    include_status: bool = False,
) -> Envelope:
    """A task's jobs and datasets, on demand with its parameters and state."""
    task = panda.refined(task_id)
    if task is None:
        return Envelope(False, "Task not found or error retrieving the details")
    details: dict[str, Any] = {
        "PandaID": [job.panda_id for job in task.jobs],
        "outDS": task.name,
        "inDS": "",
        "statistics": "",
    }
    if include_parameters:
        details |= task.parameters
    if include_status:
        details |= views.basic(task)
    return Envelope(True, data=details)


@get("task/get_detailed_info")
def get_detailed_info(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """All of one task."""
    task = panda.refined(task_id)
    return Envelope(True, data=views.detailed(task)) if task else NOT_FOUND


@get("task/get_job_ids")
def get_job_ids(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """The PandaIDs of a task."""
    task = panda.refined(task_id)
    return Envelope(True, data=[job.panda_id for job in task.jobs] if task else [])


@get("task/get_job_descriptions")
def get_job_descriptions(
    panda: Panda, _caller: Caller, *, task_id: int, unsuccessful_only: bool = False
) -> Envelope:
    """The jobs of a task, with their files."""
    task = panda.refined(task_id)
    jobs = task.jobs if task else []
    return Envelope(
        True,
        data=[
            views.job_description(task, job)
            for job in jobs
            if task is not None and (job.is_failed or not unsuccessful_only)
        ],
    )


@get("task/get_datasets_and_files")
def get_datasets_and_files(
    panda: Panda, _caller: Caller, *, task_id: int, dataset_types: list[str] | None = None
) -> Envelope:
    """The files of a task, by dataset."""
    task = panda.refined(task_id)
    kinds = {*(dataset_types or ["input", "pseudo_input"])}
    found = views.files_by_dataset(task, kinds) if task else []
    return Envelope(True, data=found) if found else Envelope(False, "No data found for the task")


@get("job/get_status")
def get_job_status(panda: Panda, _caller: Caller, *, job_ids: list[int]) -> Envelope:
    """State and attempt of jobs; those that are not known are left out."""
    found = [panda.state.job(job_id) for job_id in job_ids]
    return Envelope(
        True,
        data=[
            {"PandaID": job.panda_id, "status": job.status, "attemptNr": job.attempt}
            for _task, job in filter(None, found)
        ],
    )


def _describe(panda: Panda, _caller: Caller, *, job_ids: list[int]) -> Envelope:
    return Envelope(True, data=[_description(panda, job_id) for job_id in job_ids])


post("job/get_description")(_describe)
post("job/get_description_incl_archive")(_describe)


def _description(panda: Panda, job_id: int) -> dict[str, Any] | None:
    """A job with its files, put here by hand or made for a task; None: there is none."""
    put = panda.jobs.get(job_id)
    if put is not None:
        return put.description()
    pair = panda.state.job(job_id)
    return views.job_description(*pair) if pair else None


def _fits(task: Task, wanted: dict[str, Any], oldest: datetime | None) -> bool:
    if oldest is not None and task.modified_at <= oldest:
        return False
    return all(views.FILTERS[name](task) == str(value) for name, value in wanted.items())
