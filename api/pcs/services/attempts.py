"""Rows of attempts: each has a name that is never used again, and an id at PanDA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.pcs.domain import names
from api.pcs.errors import BadTransition
from api.pcs.models import Association, Attempt, ProdTask, TaskStatus
from api.pcs.queries.tasks import load
from api.pcs.services import plans, tasks
from blocks.errors import Invalid, Refused
from flows.common.database import now

SUBMIT_FAILED: Final = "submit_failed"
"""`status_snapshot` of an attempt that did not reach PanDA."""
SUPERSEDED: Final = "superseded"
"""Key in an attempt's metadata: another attempt served the request, and this one was not sent."""
_REPLACED: Final = "replaced_jedi_task_ids"


def allocate(session: Session, task: ProdTask) -> Attempt:
    """Make the attempt that a submission request is for, under a name that no other ever had.

    Raises:
        Refused: An attempt of another task has that name.
    """
    number, name = plans.next_try(task), plans.next_name(task)
    return _insert(session, task, number, name, Association.PCS_SUBMIT_REQUEST)


def insert_named(session: Session, task: ProdTask, named: str) -> Attempt:
    """Make the attempt of a task that was submitted under a name, by whomever.

    Raises:
        Invalid: The name is none of the task's.
        Refused: The attempt of that number has another name.
    """
    logical, number = names.parse_physical(named)
    if logical != task.dataset.composed_name:
        raise Invalid({"panda_task_name": [f"is no name of task '{task.name}': {named[:300]}"]})
    if any(each.try_number == number for each in task.attempts):
        raise Refused(f"Attempt {number} of task '{task.name}' has another name.")
    return _insert(session, task, number, named, Association.RECORD_SUBMISSION)


def _insert(
    session: Session, task: ProdTask, number: int, name: str, source: Association
) -> Attempt:
    made = Attempt(
        prod_task_id=task.id,
        try_number=number,
        task_name=name,
        out_ds=name,
        log_ds=names.log_dataset(name),
        site=plans.config_of(task).text("panda_site"),
        association_source=source,
    )
    with _unique(session, f"The name {name} is that of another attempt; PanDA knows it."):
        session.add(made)
    return made


def require_submittable(task: ProdTask) -> None:
    """Let only tasks pass that can have attempts.

    Raises:
        BadTransition: The task was imported as over.
    """
    if task.status == TaskStatus.PAST_OUTPUT:
        raise BadTransition(f"Task '{task.name}' is of the past; nothing is submitted of it.")


def named(task: ProdTask, name: str) -> Attempt | None:
    """The task's attempt of that name at PanDA."""
    return next((each for each in task.attempts if each.task_name == name), None)


def by_jedi_id(task: ProdTask, jedi_task_id: int | None) -> Attempt | None:
    """The task's attempt that has the id."""
    if jedi_task_id is None:
        return None
    return next((each for each in task.attempts if each.jedi_task_id == jedi_task_id), None)


def set_jedi_id(
    session: Session, attempt: Attempt, jedi_task_id: int, *, replaces: int | None = None
) -> None:
    """Give the attempt its id at PanDA; another one only where it replaces the recorded one.

    Raises:
        Refused: The attempt has another id, or another attempt has this one.
    """
    former = attempt.jedi_task_id
    if former is not None and replaces != former:
        raise Refused(f"Attempt {attempt.task_name} is recorded as jediTaskID {former}.")
    taken = select(Attempt.task_name).where(
        Attempt.jedi_task_id == jedi_task_id, Attempt.id != attempt.id
    )
    if (other := session.scalar(taken)) is not None:
        raise Refused(f"jediTaskID {jedi_task_id} is that of attempt {other}.")
    if former is not None:
        _keep_replaced(attempt, former)
    with _unique(session, f"jediTaskID {jedi_task_id} is that of another attempt."):
        attempt.jedi_task_id = jedi_task_id
        attempt.updated_at = now()
        if attempt.status_snapshot in {"", SUBMIT_FAILED}:
            attempt.status_snapshot = TaskStatus.SUBMITTED


def give_up_id(task: ProdTask, attempt: Attempt) -> None:
    """Take the attempt's id away, which is another task's at PanDA; a task of it is ready again."""
    former = attempt.jedi_task_id
    if former is None:
        return
    _keep_replaced(attempt, former)
    attempt.jedi_task_id = None
    if task.panda_task_id == former:
        task.panda_task_id = None
        task.status = TaskStatus.READY


def _keep_replaced(attempt: Attempt, former: int) -> None:
    replaced = [*attempt.meta.get(_REPLACED, []), former]
    attempt.meta = attempt.meta | {_REPLACED: replaced}


def point(session: Session, task: ProdTask, attempt: Attempt) -> ProdTask:
    """Point the task to its attempt, unless a later one already stands for it."""
    pointed = by_jedi_id(task, task.panda_task_id)
    is_news = task.panda_task_id != attempt.jedi_task_id
    is_later = pointed is None or pointed.try_number <= attempt.try_number
    if is_news and is_later:
        task.panda_task_id = attempt.jedi_task_id
        task.status = TaskStatus.SUBMITTED
        return tasks.saved(session, task)
    return load(session, task.id)


@contextmanager
def _unique(session: Session, text: str) -> Iterator[None]:
    """Write where only the database sees every race; what was taken meanwhile is refused."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        raise Refused(text) from None
