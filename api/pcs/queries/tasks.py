"""Production tasks: listed by filters, found by their names, and their submission requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.http.fields import big_number
from api.pcs.domain.effective import input_dids
from api.pcs.errors import AmbiguousIdentity, TaskNotFound
from api.pcs.models import Attempt, Dataset, ProdTask
from api.pcs.queries.catalogue import TAG_FIELDS
from api.pcs.queries.rows import equal, key_of, paged
from flows.common.database import among
from flows.common.models import OPEN, Request
from flows.common.text import Text, unkeepable
from flows.submission.models import AttemptState, SubmissionAttempt

SUBMIT: Final = "submit_task"
"""Action of the requests to submit a task; while one is open, nothing of its task may change."""


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """Which tasks a list shows; an absent field filters nothing."""

    status: Text | None = None
    campaign: Text | None = None
    name: Text | None = None
    name_contains: Text | None = None
    public_catalog_issue: Text | None = None
    created_by: Text | None = None
    has_request: bool | None = None


def tasks(session: Session, wanted: TaskFilter) -> list[ProdTask]:
    """The tasks of a filter, oldest first; a `name` finds as in `resolve`, several too."""
    return list(session.scalars(_selected(session, wanted)))


def page(
    session: Session, wanted: TaskFilter, *, limit: int, offset: int
) -> tuple[int, list[ProdTask]]:
    """How many tasks a filter has, and so many of them from an offset on, oldest first."""
    return paged(session, _selected(session, wanted), limit=limit, offset=offset)


def _selected(session: Session, wanted: TaskFilter) -> Select[tuple[ProdTask]]:
    query = equal(
        select(ProdTask).options(*loaded()).order_by(ProdTask.id),
        wanted,
        status=ProdTask.status,
        created_by=ProdTask.created_by,
        public_catalog_issue=ProdTask.overrides["public_catalog_issue"].astext,
    )
    if wanted.name is not None:
        query = query.where(among(ProdTask.id, [each.id for each in matches(session, wanted.name)]))
    if wanted.campaign is not None:
        query = query.where(ProdTask.campaign.has(name=wanted.campaign))
    if (part := wanted.name_contains) is not None:
        query = query.where(
            ProdTask.name.contains(part, autoescape=True)
            | ProdTask.dataset.has(Dataset.composed_name.contains(part, autoescape=True))
        )
    if wanted.has_request is not None:
        is_open = has_open_request()
        query = query.where(is_open if wanted.has_request else ~is_open)
    return query


def matches(session: Session, name: str) -> list[ProdTask]:
    """The tasks that the name means: by composed name, else by stored name, else by key."""
    key = key_of(name)
    return _first_found(session, name, [ProdTask.id == key] if key is not None else [])


def known_as(session: Session, name: str) -> list[ProdTask]:
    """The tasks that people know by the name: composed, else stored, else an id at PanDA.

    A number is no key here: people see PanDA's ids, and hardly ever PCS's keys.
    """
    number = big_number(name)
    at_panda = [ProdTask.attempts.any(Attempt.jedi_task_id == number)] if number else []
    return _first_found(session, name, at_panda)


def _first_found(
    session: Session, name: str, by_number: Sequence[ColumnElement[bool]]
) -> list[ProdTask]:
    """The tasks of the composed name, else of the stored name, else of a number."""
    if not name or any(unkeepable(name)):
        return []
    by_name = [ProdTask.dataset.has(composed_name=name), ProdTask.name == name]
    for condition in (*by_name, *by_number):
        found = list(session.scalars(select(ProdTask).where(condition).order_by(ProdTask.id)))
        if found:
            return found
    return []


def subjects(session: Session, name: str) -> list[str]:
    """Under which subjects things are kept that are about the name: itself, and tasks' names.

    Requests, events and messages name a task by its stored name.
    """
    return [name, *(each.name for each in known_as(session, name) if each.name != name)]


def resolve(
    session: Session, name: str, *, attempt_id: int | None = None, is_locked: bool = False
) -> ProdTask:
    """The one task that the name means, with all that belongs to it.

    Args:
        session: The caller's transaction.
        name: Composed name, stored name or key, in this order.
        attempt_id: An attempt, to choose among tasks of one name.
        is_locked: Whether the task's row is locked to the end of the transaction.

    Raises:
        TaskNotFound: It means none.
        AmbiguousIdentity: It means several.
    """
    found = matches(session, name)
    if len(found) > 1 and attempt_id is not None:
        with_it = [t for t in found if any(each.id == attempt_id for each in t.attempts)]
        found = with_it or found
    return load(session, _the_only(name, found).id, is_locked=is_locked)


def resolve_known(session: Session, name: str) -> ProdTask:
    """The one task that people know by the name, with all that belongs to it.

    Raises:
        TaskNotFound: They know none by it.
        AmbiguousIdentity: They know several.
    """
    return load(session, _the_only(name, known_as(session, name)).id)


def _the_only(name: str, found: Sequence[ProdTask]) -> ProdTask:
    if not found:
        raise TaskNotFound(name)
    if len(found) > 1:
        raise AmbiguousIdentity(name, [_candidate(each) for each in found])
    return found[0]


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


def input_location(session: Session, task: ProdTask) -> str:
    """Where a task's input files are listed: its first linked dataset's source, else its CSV."""
    first = first_inputs(session, [task]).get(task.id)
    return task.csv_file if first is None else first.source_location or ""


def first_inputs(session: Session, tasks: Sequence[ProdTask]) -> dict[int, Dataset]:
    """The first linked dataset that PCS knows of each task that has one, by the task's key."""
    linked = {task.id: input_dids(task.overrides or {}) for task in tasks}
    wanted = {did for dids in linked.values() for did in dids}
    rows = session.scalars(select(Dataset).where(among(Dataset.did, wanted)))
    known = {each.did: each for each in rows}
    found = {key: [known[did] for did in dids if did in known] for key, dids in linked.items()}
    return {key: datasets[0] for key, datasets in found.items() if datasets}


def sharing_names(session: Session, tasks: Sequence[ProdTask]) -> dict[int, tuple[str, ...]]:
    """Other tasks whose names at PanDA would be the same, by each task's key."""
    composed = {task.dataset.composed_name for task in tasks}
    rows = session.execute(
        select(Dataset.composed_name, ProdTask.id, ProdTask.name)
        .join(ProdTask.dataset)
        .where(among(Dataset.composed_name, composed))
        .order_by(ProdTask.id)
    )
    same: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, key, task_name in rows:
        same[name].append((key, task_name))
    return {
        task.id: tuple(name for key, name in same[task.dataset.composed_name] if key != task.id)
        for task in tasks
    }


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


# ------------------------------------------------------------------ submission requests


def has_open_request() -> ColumnElement[bool]:
    """Whether a task has an open submission request."""
    return exists().where(
        Request.action == SUBMIT, Request.state.in_(OPEN), Request.subject == ProdTask.name
    )


def open_requests(session: Session, names: Sequence[str]) -> dict[str, Request]:
    """The newest open submission request of each task that has one, by the task's stored name."""
    found = session.scalars(
        select(Request)
        .where(Request.action == SUBMIT, Request.state.in_(OPEN))
        .where(among(Request.subject, names))
        .order_by(Request.id)
    )
    return {str(request.subject): request for request in found}


def open_request(session: Session, name: str) -> Request | None:
    """The newest open submission request of a task."""
    return open_requests(session, [name]).get(name)


def unresolved_among(session: Session, names: Sequence[str]) -> set[str]:
    """The tasks of which PCS refused an attempt's id, and that wait for an operator's word."""
    return set(
        session.scalars(
            select(SubmissionAttempt.task_name).where(
                among(SubmissionAttempt.task_name, names),
                SubmissionAttempt.state == AttemptState.UNRESOLVED,
            )
        )
    )
