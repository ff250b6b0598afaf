"""Production tasks: made, taken in from the public catalog, and changed while they are drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from api.pcs.domain import effective
from api.pcs.domain.refusals import whole
from api.pcs.errors import AmbiguousIdentity, BadTransition, SubmissionOpen
from api.pcs.models import Dataset, ProdRequest, ProdTask, TaskStatus
from api.pcs.queries import tasks
from api.pcs.queries.catalogue import campaign_key, dataset_key, named_config
from api.pcs.queries.rows import require_free, unknown
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid, Refused
from flows.common.database import now

_NEEDED: Final = ("name", "dataset", "prod_config")
_SET_ELSEWHERE: Final = {"status": TaskStatus.DRAFT, "panda_task_id": None}
"""What a record that is sent back holds, and only steps of the task change."""
_LOCK: Final = 0x70637369  # "pcsi": two intakes of one row find each other


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
    task = owned(session, name, actor)
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


def owned(session: Session, name: str, actor: Actor) -> ProdTask:
    """The task that the name means, its row locked, if the actor may change it.

    Raises:
        TaskNotFound: There is none.
        NotOwner: Somebody else made it.
    """
    task = tasks.resolve(session, name, is_locked=True)
    actor.require_owner(task.created_by)
    return task


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
    if (request := tasks.open_request(session, task.name)) is not None:
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
    for name, new in _SET_ELSEWHERE.items():
        present = new if of is None else getattr(of, name)
        if columns.pop(name, present) != present:
            raise Invalid({name: ["This field is set by PCS itself and cannot be written."]})
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


# ------------------------------------------------------------------ rows of the public catalog


def take_in(session: Session, values: Mapping[str, Any], actor: Actor) -> tuple[ProdTask, bool]:
    """The task of a row of the public catalog, made where there is none; and whether it was made.

    Raises:
        Invalid: The row is not named, or what a new task needs is missing.
        AmbiguousIdentity: Several tasks stand for the row.
        NotOwner, BadTransition, SubmissionOpen: Something would change that may not.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = list(session.scalars(select(ProdTask).where(_row(values)).order_by(ProdTask.id)))
    if len(found) > 1:
        raise AmbiguousIdentity("that row", [{"id": task.id, "name": task.name} for task in found])
    overrides = {
        name: value
        for name, value in values.items()
        if value not in (None, "")
        and (name.startswith("public_catalog_") or name == "input_dataset_did")
    }
    if not found:
        if missing := [name for name in _NEEDED if not values.get(name)]:
            raise Invalid(whole(f"Creating a new task requires: {', '.join(missing)}"))
        columns = {name: values[name] for name in _NEEDED}
        columns |= {"description": values.get("description") or "", "overrides": overrides}
        return add(session, columns, actor), True
    task = tasks.load(session, found[0].id, is_locked=True)
    merged = {**(task.overrides or {}), **overrides}
    description = values.get("description") or task.description
    if (merged, description) != (task.overrides or {}, task.description):
        require_changeable(session, task, actor)
        task.overrides, task.description = merged, description
        task = saved(session, task)
    return task, False


def _row(values: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition that finds the row's task.

    Raises:
        Invalid: The row is not named.
    """
    keys = ["public_catalog_issue"]
    if values.get("public_catalog_issue") in {None, ""}:
        keys = ["public_catalog_csv_path", "public_catalog_row_key"]
        if not all(values.get(key) for key in keys):
            raise Invalid(
                whole(
                    "Idempotency key required: public_catalog_issue or "
                    "(public_catalog_csv_path, public_catalog_row_key)"
                )
            )
    return and_(*(ProdTask.overrides[key].astext == str(values[key]) for key in keys))
