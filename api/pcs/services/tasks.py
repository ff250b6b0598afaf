"""Production tasks: made, and changed while they are drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.pcs.domain import effective
from api.pcs.errors import BadTransition, SubmissionOpen
from api.pcs.models import Dataset, ProdRequest, ProdTask, TaskStatus
from api.pcs.queries import open_requests, tasks
from api.pcs.queries.catalogue import campaign_key, dataset_key, named_config
from api.pcs.queries.rows import require_free, unknown
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid, Refused
from flows.common.database import now


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdTask:
    """Make a draft task.

    Raises:
        Invalid: What it names is unknown, a value is not of its form, or its name is taken.
    """
    columns = _columns(session, values)
    added = ProdTask(**columns, status=TaskStatus.DRAFT, created_by=actor.name)
    if added.campaign_id is None:
        added.campaign_id = session.get_one(Dataset, added.dataset_id).campaign_id
    return tasks.load(session, records.add(session, added).id)


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
    for column, value in _columns(session, values, task).items():
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
    records.remove(session, task)


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


def _columns(
    session: Session, values: Mapping[str, Any], of: ProdTask | None = None
) -> dict[str, Any]:
    columns = dict(values)
    if "dataset" in columns:
        columns["dataset_id"] = dataset_key(session, columns.pop("dataset"))
    if "prod_config" in columns:
        columns["prod_config_id"] = named_config(session, columns.pop("prod_config")).id
    if "campaign" in columns:
        columns["campaign_id"] = campaign_key(session, columns.pop("campaign"))
    if "prod_request" in columns:
        columns["request_id"] = key = columns.pop("prod_request")
        if key is not None and session.get(ProdRequest, key) is None:
            raise unknown("prod_request", key)
    if problems := effective.override_problems(columns.get("overrides") or {}):
        raise Invalid({"overrides": [f"{key} {why}" for key, why in problems.items()]})
    if "name" in columns:
        require_free(session, ProdTask.name, columns["name"], of=of)
    return columns
