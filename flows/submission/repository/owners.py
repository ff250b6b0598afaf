"""Who owns a task: what the embedded PCS says, in whose tables this looks.

Where another PCS is in use they are empty, and nobody is known to own a task.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import column, select, table
from sqlalchemy.orm import Session

_TASK: Final = table("pcs_prod_task", column("id"), column("name"), column("created_by"))
_ATTEMPT: Final = table("pcs_panda_tasks", column("prod_task_id"), column("jedi_task_id"))


def of_task(session: Session, task_name: str) -> str | None:
    """Who owns the production task of that stored name; None where it is not known here."""
    return session.scalar(select(_TASK.c.created_by).where(_TASK.c.name == task_name))


def of_jedi_task(session: Session, jedi_task_id: int) -> str | None:
    """Who owns the production task that PanDA's task is an attempt of; None: not known here."""
    attempts = select(_ATTEMPT.c.prod_task_id).where(_ATTEMPT.c.jedi_task_id == jedi_task_id)
    return session.scalar(select(_TASK.c.created_by).where(_TASK.c.id.in_(attempts)))
