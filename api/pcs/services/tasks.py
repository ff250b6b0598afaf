"""Production tasks: found by name, made, and changed while they are drafts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.pcs.domain import effective, names
from api.pcs.models import Dataset, ProdRequest, ProdTask, TaskStatus
from api.pcs.services import campaigns, configs, datasets, open_requests
from api.pcs.services.access import Actor
from api.pcs.services.datasets import TAG_FIELDS
from api.pcs.services.errors import (
    AmbiguousIdentity,
    BadFields,
    BadTransition,
    Conflict,
    SubmissionOpen,
    TaskNotFound,
)
from flows.common.database import now
from flows.common.models import OPEN, Request
from flows.common.text import unkeepable

_MAX_KEY: Final = 2**31 - 1

# ------------------------------------------------------------------ reading


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which tasks a list shows; an absent field filters nothing."""

    status: str | None = None
    campaign: str | None = None
    name: str | None = None
    name_contains: str | None = None
    public_catalog_issue: str | None = None
    created_by: str | None = None
    has_request: bool | None = None


def tasks(session: Session, wanted: Wanted) -> list[ProdTask]:
    """The tasks of a filter, oldest first; a `name` finds as in `resolve`, several too."""
    if wanted.name is not None:
        ids = [found.id for found in matches(session, wanted.name)]
        return list(session.scalars(_filtered(wanted).where(ProdTask.id.in_(ids))))
    return list(session.scalars(_filtered(wanted)))


def _filtered(wanted: Wanted) -> Select[tuple[ProdTask]]:
    query = select(ProdTask).options(*loaded()).order_by(ProdTask.id)
    for column in ("status", "created_by"):
        if (value := getattr(wanted, column)) is not None:
            query = query.where(getattr(ProdTask, column) == value)
    if wanted.campaign is not None:
        query = query.where(ProdTask.campaign.has(name=wanted.campaign))
    if wanted.name_contains is not None:
        query = query.where(
            ProdTask.name.contains(wanted.name_contains, autoescape=True)
            | ProdTask.dataset.has(
                Dataset.composed_name.contains(wanted.name_contains, autoescape=True)
            )
        )
    if wanted.public_catalog_issue is not None:
        issue = ProdTask.overrides["public_catalog_issue"].astext
        query = query.where(issue == wanted.public_catalog_issue)
    if wanted.has_request is not None:
        query = query.where(_has_open_request() if wanted.has_request else ~_has_open_request())
    return query


def _has_open_request() -> ColumnElement[bool]:
    return exists().where(
        Request.action == open_requests.ACTION,
        Request.state.in_(OPEN),
        Request.subject == ProdTask.name,
    )


def matches(session: Session, name: str) -> list[ProdTask]:
    """The tasks that the name means: by composed name, else by stored name, else by key."""
    if not name or any(unkeepable(name)):
        return []
    for condition in _identities(name):
        found = list(session.scalars(select(ProdTask).where(condition).order_by(ProdTask.id)))
        if found:
            return found
    return []


def _identities(name: str) -> list[ColumnElement[bool]]:
    identities = [ProdTask.dataset.has(composed_name=name), ProdTask.name == name]
    if name.isascii() and name.isdecimal() and int(name[:11]) <= _MAX_KEY:
        identities.append(ProdTask.id == int(name[:11]))
    return identities


def resolve(
    session: Session, name: str, *, attempt_id: int | None = None, is_locked: bool = False
) -> ProdTask:
    """The one task that the name means, with all that belongs to it.

    Args:
        session: The caller's transaction.
        name: Composed name, stored name or key, in this order.
        attempt_id: An attempt that tells tasks of one name apart.
        is_locked: Whether the task's row is locked to the end of the transaction.

    Raises:
        TaskNotFound: It means none.
        AmbiguousIdentity: It means several.
    """
    found = matches(session, name)
    if len(found) > 1 and attempt_id is not None:
        of_attempt = [t for t in found if any(each.id == attempt_id for each in t.attempts)]
        found = of_attempt or found
    if not found:
        raise TaskNotFound(name)
    if len(found) > 1:
        raise AmbiguousIdentity(name, [_candidate(each) for each in found])
    return load(session, found[0].id, is_locked=is_locked)


def load(session: Session, key: int, *, is_locked: bool = False) -> ProdTask:
    """The task of a key as it is now, with all that belongs to it.

    Raises:
        TaskNotFound: There is none.
    """
    if is_locked:
        session.scalar(select(ProdTask.id).where(ProdTask.id == key).with_for_update())
    query = select(ProdTask).where(ProdTask.id == key).options(*loaded())
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise TaskNotFound(str(key))
    return found


def loaded() -> list[Any]:
    """What a task's JSON needs, in few queries."""
    tags = [joinedload(getattr(Dataset, name)) for name in TAG_FIELDS]
    return [
        joinedload(ProdTask.dataset).options(*tags),
        joinedload(ProdTask.prod_config),
        joinedload(ProdTask.campaign),
        selectinload(ProdTask.attempts),
        selectinload(ProdTask.outputs),
    ]


def _candidate(task: ProdTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "composed_name": task.dataset.composed_name,
        "status": task.status,
    }


# ------------------------------------------------------------------ writing


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> ProdTask:
    """Make a draft task.

    Raises:
        BadFields: What it names is unknown, a value is not of its form, or its name is taken.
    """
    columns = _columns(session, values)
    _refuse_name(session, columns["name"])
    added = ProdTask(**columns, status=TaskStatus.DRAFT, created_by=actor.name)
    if added.campaign_id is None:
        added.campaign_id = session.get_one(Dataset, added.dataset_id).campaign_id
    session.add(added)
    session.flush()
    return load(session, added.id)


def change(session: Session, name: str, values: Mapping[str, Any], actor: Actor) -> ProdTask:
    """Change a draft task.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
        SubmissionOpen: Its submission is on its way.
        BadTransition: It is no draft.
        BadFields: As for `add`.
    """
    task = resolve(session, name, is_locked=True)
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
        Conflict: It has attempts, or it is more than ready.
    """
    task = resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    require_no_request(session, task)
    if task.attempts:
        raise Conflict(f"Task '{task.name}' has attempts; what was submitted stays on record.")
    if task.status not in {TaskStatus.DRAFT, TaskStatus.READY}:
        raise Conflict(f"Task '{task.name}' is {task.status}; only drafts are deleted.")
    session.delete(task)
    session.flush()


def link_input(session: Session, name: str, dids: list[str], actor: Actor) -> ProdTask:
    """Set a draft task's input datasets.

    Raises:
        As for `change`.
    """
    task = resolve(session, name, is_locked=True)
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
    return load(session, task.id)


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
        BadFields: They hold outputs, an unknown key, or a value that is not of its form.
    """
    if problems := effective.override_problems(overrides):
        raise BadFields({"overrides": [f"{key} {why}" for key, why in problems.items()]})


def _request_key(session: Session, key: int | None) -> int | None:
    if key is not None and session.get(ProdRequest, key) is None:
        raise BadFields({"prod_request": [f'Invalid pk "{key}" - object does not exist.']})
    return key


def _refuse_name(session: Session, name: str) -> None:
    if why := names.task_name_problem(name):
        raise BadFields({"name": [why]})
    if session.scalar(select(ProdTask.id).where(ProdTask.name == name)) is not None:
        raise BadFields({"name": ["prod task with this name already exists."]})
