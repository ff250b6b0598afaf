"""Production tasks, as notifications tell of them. Nothing here commits.

PCS's tables are another capability's: they meet here in the database alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.notifications.domain.task_ends import TaskFacts

_OWNERS = text("""
    SELECT task.name, task.created_by AS owner, coalesce(campaign.name, '') AS campaign
    FROM pcs_prod_task AS task LEFT JOIN pcs_campaign AS campaign ON campaign.id = task.campaign_id
    WHERE task.name = ANY (:names)
""")
_TASKS: Final = """
    SELECT task.name, task.status, task.created_by AS owner,
           coalesce(campaign.name, '') AS campaign, task.panda_task_id AS jedi_task_id,
           coalesce(attempt.status_snapshot, '') AS panda_status,
           coalesce(attempt.updated_at, task.updated_at) AS at, task.updated_at AS changed_at,
           CASE WHEN jsonb_typeof(attempt.metadata -> 'inputs') = 'number'
                THEN (attempt.metadata ->> 'inputs')::int END AS inputs,
           CASE WHEN jsonb_typeof(attempt.metadata -> 'inputs_failed') = 'number'
                THEN (attempt.metadata ->> 'inputs_failed')::int END AS inputs_failed
    FROM pcs_prod_task AS task
    LEFT JOIN pcs_panda_tasks AS attempt
      ON attempt.prod_task_id = task.id AND attempt.jedi_task_id = task.panda_task_id
    LEFT JOIN pcs_campaign AS campaign ON campaign.id = task.campaign_id
"""
_NAMED = text(f"{_TASKS} WHERE task.name = ANY (:names)")
# An edit of a task that ended long ago is no end of it: its attempt was not seen anew.
_ENDED = text(f"""{_TASKS}
    WHERE task.status IN ('completed', 'failed') AND attempt.updated_at >= :since
      AND (:is_any OR task.name = ANY (:names)) ORDER BY attempt.updated_at
""")


def owners(session: Session, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Owner and campaign of tasks, by their names."""
    wanted = [each for each in set(names) if each]
    if not wanted:
        return {}
    rows = session.execute(_OWNERS, {"names": wanted})
    return {row.name: (row.owner, row.campaign) for row in rows}


def named(session: Session, names: Collection[str]) -> dict[str, TaskFacts]:
    """How these tasks stand, by their names."""
    rows = session.execute(_NAMED, {"names": list(names)}).mappings() if names else ()
    return {row["name"]: TaskFacts(**row) for row in rows}


def ended(session: Session, names: Collection[str] | None, since: datetime) -> list[TaskFacts]:
    """The tasks that PanDA was seen to have ended since then: of those names, or of all."""
    values = {"names": list(names or ()), "is_any": names is None, "since": since}
    return [TaskFacts(**row) for row in session.execute(_ENDED, values).mappings()]
