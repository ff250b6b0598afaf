"""Rows of the public catalog taken in as tasks, each once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api.pcs.errors import AmbiguousIdentity
from api.pcs.models import ProdTask
from api.pcs.queries.tasks import load
from api.pcs.services import tasks
from api.pcs.services.access import Actor
from blocks.errors import Invalid

_NEEDED = ("name", "dataset", "prod_config")
_LOCK = 0x70637369  # "pcsi": two intakes of one row find each other


def take_task_in(
    session: Session, values: Mapping[str, Any], actor: Actor
) -> tuple[ProdTask, bool]:
    """The task of a catalog's row, made where there is none; and whether it was made.

    Raises:
        Invalid: The row is not named, or what a new task needs is missing.
        AmbiguousIdentity: Several tasks stand for the row.
        NotOwner, BadTransition, SubmissionOpen: Something would change that may not.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = list(session.scalars(select(ProdTask).where(_row(values)).order_by(ProdTask.id)))
    if len(found) > 1:
        raise AmbiguousIdentity("that row", [{"id": task.id, "name": task.name} for task in found])
    overrides = _overrides(values)
    if not found:
        return _made(session, values, overrides, actor), True
    task = load(session, found[0].id, is_locked=True)
    merged = {**(task.overrides or {}), **overrides}
    description = values.get("description") or task.description
    if (merged, description) != (task.overrides or {}, task.description):
        tasks.require_changeable(session, task, actor)
        task.overrides, task.description = merged, description
        task = tasks.saved(session, task)
    return task, False


def _row(values: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition that finds the row's task.

    Raises:
        Invalid: The row is not named.
    """
    overrides: Any = ProdTask.overrides
    issue = values.get("public_catalog_issue")
    if issue not in {None, ""}:
        return _is(overrides["public_catalog_issue"].astext, str(issue))
    path, key = values.get("public_catalog_csv_path"), values.get("public_catalog_row_key")
    if not (path and key):
        text = "This field is required, or public_catalog_csv_path and public_catalog_row_key."
        raise Invalid({"public_catalog_issue": [text]})
    by_path = _is(overrides["public_catalog_csv_path"].astext, path)
    return by_path & _is(overrides["public_catalog_row_key"].astext, key)


def _is(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    return column == value


def _overrides(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "")
        and (name.startswith("public_catalog_") or name == "input_dataset_did")
    }


def _made(
    session: Session, values: Mapping[str, Any], overrides: dict[str, Any], actor: Actor
) -> ProdTask:
    if missing := [name for name in _NEEDED if not values.get(name)]:
        raise Invalid({name: ["This field is required."] for name in missing})
    columns = {name: values[name] for name in _NEEDED}
    columns |= {"description": values.get("description") or "", "overrides": overrides}
    return tasks.add(session, columns, actor)
