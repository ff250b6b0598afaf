"""Production tasks: made, and changed while they are drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import effective, names
from api.pcs.models import Dataset, ProdRequest, ProdTask, TaskStatus
from api.pcs.services import campaigns, configs, datasets, open_requests, tasks
from api.pcs.services.access import Actor
from api.pcs.services.errors import BadTransition, SubmissionOpen
from blocks.errors import Invalid, Refused
from flows.common.database import now


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdTask:
    """Make a draft task.

    Raises:
        Invalid: What it names is unknown, a value is not of its form, or its name is taken.
    """
    columns = _columns(session, values)
    _refuse_name(session, columns["name"])
    added = ProdTask(**columns, status=TaskStatus.DRAFT, created_by=actor.name)
    if added.campaign_id is None:
        added.campaign_id = session.get_one(Dataset, added.dataset_id).campaign_id
    session.add(added)
    session.flush()
    return tasks.load(session, added.id)


def change(session: Session, name: str, values: Mapping[str, Any], actor: Actor) -> ProdTask:
    """Change a draft task.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        SubmissionOpen: Its submission is on its way.
        BadTransition: It is no draft.
        Invalid: As for `add`.
    """
    task = tasks.resolve(session, name, is_locked=True)
    require_changeable(session, task, actor)
    columns = _columns(session, values)
    if columns.get("name", task.name) != task.name:
        _refuse_name(session, columns["name"])
    for column, value in columns.items():
        setattr(task, column, value)
    return saved(session, task)


def delete(session: Session, name: str, actor: Actor) -> None:
    """Delete a task that was never submitted.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        Refused: It has attempts, or it is more than ready.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    require_no_request(session, task)
    if task.attempts:
        raise Refused(f"Task '{task.name}' has attempts; what was submitted stays on record.")
    if task.status not in {TaskStatus.DRAFT, TaskStatus.READY}:
        raise Refused(f"Task '{task.name}' is {task.status}; only drafts are deleted.")
    session.delete(task)
    session.flush()


def link_input(session: Session, name: str, dids: list[str], actor: Actor) -> ProdTask:
    """Set a draft task's input datasets.

    Raises:
        As for `change`.
    """
    task = tasks.resolve(session, name, is_locked=True)
    require_changeable(session, task, actor)
    overrides = dict(task.overrides or {})
    for key in ("input_dataset_did", "input_dataset_dids"):
        overrides.pop(key, None)
    key, value = ("input_dataset_did", dids[0]) if len(dids) == 1 else ("input_dataset_dids", dids)
    task.overrides = {**overrides, key: value}
    return saved(session, task)


def require_changeable(session: Session, task: ProdTask, actor: Actor) -> None:
    """Let only what may change now pass.

    Raises:
        NotOwner: Somebody else made the task.
        SubmissionOpen: Its submission is on its way.
        BadTransition: It is locked, or was submitted.
    """
    actor.require_owner(task.created_by)
    require_no_request(session, task)
    if task.status == TaskStatus.READY and not actor.is_relaxed:
        raise BadTransition(f"Task '{task.name}' is locked; set it back to draft first.")
    if task.status not in {TaskStatus.DRAFT, TaskStatus.READY} or task.panda_task_id is not None:
        raise BadTransition(f"Task '{task.name}' is {task.status}; it can no longer change.")


def require_no_request(session: Session, task: ProdTask) -> None:
    """Let only a task without an open submission request pass.

    Raises:
        SubmissionOpen: There is one.
    """
    if (request := open_requests.of_task(session, task.name)) is not None:
        raise SubmissionOpen(
            f"Task '{task.name}' is being submitted (request {request.id}, {request.state})."
        )


def saved(session: Session, task: ProdTask) -> ProdTask:
    """The changed task, as it is in the database now."""
    task.updated_at = now()
    session.flush()
    return tasks.load(session, task.id)


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "dataset" in columns:
        columns["dataset_id"] = datasets.named(session, columns.pop("dataset")).id
    if "prod_config" in columns:
        columns["prod_config_id"] = configs.named(session, columns.pop("prod_config")).id
    if "campaign" in columns:
        key = columns.pop("campaign")
        columns["campaign_id"] = None if key is None else campaigns.named(session, key).id
    if "prod_request" in columns:
        columns["request_id"] = _request_key(session, columns.pop("prod_request"))
    if overrides := columns.get("overrides"):
        check_overrides(overrides)
    return columns


def check_overrides(overrides: Mapping[str, Any]) -> None:
    """Let only overrides that can be kept pass.

    Raises:
        Invalid: They hold outputs, an unknown key, or a value that is not of its form.
    """
    if problems := effective.override_problems(overrides):
        raise Invalid({"overrides": [f"{key} {why}" for key, why in problems.items()]})


def _request_key(session: Session, key: int | None) -> int | None:
    if key is not None and session.get(ProdRequest, key) is None:
        raise Invalid({"prod_request": [f'Invalid pk "{key}" - object does not exist.']})
    return key


def _refuse_name(session: Session, name: str) -> None:
    if why := names.task_name_problem(name):
        raise Invalid({"name": [why]})
    if session.scalar(select(ProdTask.id).where(ProdTask.name == name)) is not None:
        raise Invalid({"name": ["prod task with this name already exists."]})
