"""The methods of PanDA's REST API that the sandbox has (panda-server 1.0.4, ``/api/v1``)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from deployments.sandbox.panda import views
from deployments.sandbox.panda.cache import SandboxCache
from deployments.sandbox.panda.jobs import PutJobs
from deployments.sandbox.panda.protocol import Endpoint, Envelope, Upload
from deployments.sandbox.panda.state import PandaState
from deployments.sandbox.panda.tasks import Task
from deployments.sandbox.panda.tokens import Caller

ENDPOINTS: dict[str, Endpoint] = {}
"""Every method, by ``module/method``."""

_NOT_FOUND = Envelope(False, "Task not found")
_ID = re.compile(r"jediTaskID=(\d+)")
_REACTIVATED = 3

Method = Callable[..., Envelope]


@dataclass(frozen=True)
class Panda:
    """What the methods work on."""

    state: PandaState
    cache: SandboxCache
    jobs: PutJobs

    def refined(self, task_id: int) -> Task | None:
        """The task, if JEDI knows it."""
        task = self.state.get(task_id)
        return task if task is not None and task.is_refined else None


def _method(
    asked_with: str, name: str, *, is_secure: bool = True, is_production: bool = False
) -> Callable[[Method], Method]:
    """Declare a method, and with which of HTTP's it is asked."""

    def declare(method: Method) -> Method:
        ENDPOINTS[name] = Endpoint(asked_with, method, is_secure, is_production)
        return method

    return declare


_get = partial(_method, "GET")
_post = partial(_method, "POST")

# ------------------------------------------------------------------ submission


@_get("system/is_alive", is_secure=False)
def is_alive(_panda: Panda, _caller: Caller | None) -> Envelope:
    """Whether the server answers."""
    return Envelope(True, "alive=yes")


@_post("file_server/validate_cache_file")
def validate_cache_file(panda: Panda, caller: Caller, *, file_size: int, checksum: int) -> Envelope:
    """Whether the same sandbox was uploaded before."""
    return panda.cache.find(caller.user_name, file_size, checksum)


@_post("file_server/upload_cache_file")
def upload_cache_file(panda: Panda, caller: Caller, *, file: Upload) -> Envelope:
    """Keep a sandbox."""
    return panda.cache.keep(file, caller.user_name)


@_post("task/submit")
def submit(
    panda: Panda, caller: Caller, *, task_parameters: dict[str, Any], parent_tid: int | None = None
) -> Envelope:
    """Insert a task."""
    code, message = panda.state.submit(task_parameters, caller, parent_tid)
    if code not in {0, _REACTIVATED}:
        return Envelope(False, message, code)
    found = _ID.search(message)
    return Envelope(True, message, int(found.group(1)) if found else None)


# ------------------------------------------------------------------ look-ups


@_get("task/get_status")
def get_status(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """A task's state."""
    task = panda.refined(task_id)
    return Envelope(True, data=str(task.status)) if task else _NOT_FOUND


@_get("task/get_task_parameters")
def get_task_parameters(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """What a task was submitted with; waiting tasks are seen too."""
    task = panda.state.get(task_id)
    return Envelope(True, data=task.parameters) if task else _NOT_FOUND


@_get("task/get_tasks_detailed_info_since")
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
    if not isinstance(wanted, dict):
        return Envelope(False, "filters must be an object")
    if unknown := set(wanted) - set(views.FILTERS):
        return Envelope(False, f"unknown attribute in filters: {sorted(unknown)}")
    wanted.setdefault("userName", caller.user_name)
    found = [task for task in panda.state.refined() if _fits(task, wanted, oldest)]
    return Envelope(True, data=[views.detailed(task) for task in found[:n_tasks]])


@_get("task/get_tasks_modified_since")
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


@_get("task/get_details")
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


@_get("task/get_detailed_info")
def get_detailed_info(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """All of one task."""
    task = panda.refined(task_id)
    return Envelope(True, data=views.detailed(task)) if task else _NOT_FOUND


@_get("task/get_job_ids")
def get_job_ids(panda: Panda, _caller: Caller, *, task_id: int) -> Envelope:
    """The PandaIDs of a task."""
    task = panda.refined(task_id)
    return Envelope(True, data=[job.panda_id for job in task.jobs] if task else [])


@_get("task/get_job_descriptions")
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


@_get("task/get_datasets_and_files")
def get_datasets_and_files(
    panda: Panda, _caller: Caller, *, task_id: int, dataset_types: list[str] | None = None
) -> Envelope:
    """The files of a task, by dataset."""
    task = panda.refined(task_id)
    kinds = {*(dataset_types or ["input", "pseudo_input"])}
    found = views.files_by_dataset(task, kinds) if task else []
    return Envelope(True, data=found) if found else Envelope(False, "No data found for the task")


@_get("job/get_status")
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


@_post("job/get_description")
@_post("job/get_description_incl_archive")
def get_description(panda: Panda, _caller: Caller, *, job_ids: list[int]) -> Envelope:
    """Jobs with their files; None for those that are not known."""
    return Envelope(True, data=[_description(panda, job_id) for job_id in job_ids])


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


# ------------------------------------------------------------------ commands to JEDI


@_post("task/increase_attempts", is_production=True)
def increase_attempts(panda: Panda, _caller: Caller, *, task_id: int, increase: int) -> Envelope:
    """More attempts for the jobs of a running task."""
    if increase < 0:
        return Envelope(False, f"increase must be a positive integer, got {increase}")
    return _coded(*panda.state.increase_attempts(task_id, increase))


@_post("task/retry")
def retry(
    panda: Panda,
    caller: Caller,
    *,
    task_id: int,
    new_parameters: dict[str, Any] | None = None,
) -> Envelope:
    """Run what failed of an ended task again; with new parameters, all of it."""
    return _coded(*panda.state.command(task_id, "incexec" if new_parameters else "retry", caller))


@_post("task/pause", is_production=True)
def pause(panda: Panda, caller: Caller, *, task_id: int) -> Envelope:
    """Stop a live task from starting jobs."""
    return _coded(*panda.state.command(task_id, "pause", caller))


@_post("task/resume", is_production=True)
def resume(panda: Panda, caller: Caller, *, task_id: int) -> Envelope:
    """Let a paused task go on."""
    return _coded(*panda.state.command(task_id, "resume", caller))


@_post("task/kill")
def kill(panda: Panda, caller: Caller, *, task_id: int, broadcast: bool = False) -> Envelope:
    """Abort a live task."""
    del broadcast
    return _coded(*panda.state.command(task_id, "kill", caller))


@_post("task/finish")
def finish(
    panda: Panda, caller: Caller, *, task_id: int, soft: bool = False, broadcast: bool = False
) -> Envelope:
    """End a live task with what it has."""
    del soft, broadcast
    return _coded(*panda.state.command(task_id, "finish", caller))


@_post("task/reload_input")
def reload_input(
    panda: Panda, caller: Caller, *, task_id: int, ignore_hard_exhausted: bool = False
) -> Envelope:
    """Run an ended task again with its input as it is now."""
    del ignore_hard_exhausted
    return _coded(*panda.state.command(task_id, "incexec", caller))


def _coded(code: int, message: str) -> Envelope:
    """Success whatever the code: the real server says so of what it rejects, too."""
    return Envelope(True, message, code)
