"""What alarms are judged by, and the alarms that have begun. Nothing here commits.

PCS's and provenance's tables are other capabilities': they meet here in the database alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from flows.common.database import among
from flows.common.standing import AWAY_SECONDS
from flows.notifications.alarms.conditions import (
    Canary,
    Credential,
    Observed,
    PartStart,
    Sweep,
    TaskInputs,
)
from flows.notifications.models import AlarmEpisode

_LARGEST: Final = 2**63
# The attempt that the task points to; its counts are those of the last sync.
_TASKS = text("""
    SELECT task.name, attempt.jedi_task_id, attempt.status_snapshot AS status,
           (attempt.metadata ->> 'inputs')::int AS inputs,
           (attempt.metadata ->> 'inputs_failed')::int AS failed,
           task.created_by AS owner, coalesce(campaign.name, '') AS campaign
    FROM pcs_panda_tasks AS attempt
    JOIN pcs_prod_task AS task
      ON task.id = attempt.prod_task_id AND task.panda_task_id = attempt.jedi_task_id
    LEFT JOIN pcs_campaign AS campaign ON campaign.id = task.campaign_id
    WHERE task.status = 'submitted'
      AND jsonb_typeof(attempt.metadata -> 'inputs') = 'number'
      AND jsonb_typeof(attempt.metadata -> 'inputs_failed') = 'number'
""")
_CAMPAIGNS = text("""
    SELECT campaign AS name, campaign,
           CASE WHEN state = 'failed' THEN coalesce(error, 'no reason is known') END AS error
    FROM provenance_campaign
""")
_SCHEDULED: Final = ("sweep_producing_campaigns", "sweep_arrivals")
_SWEEPS = text("""
    SELECT action AS name, '' AS campaign,
           CASE WHEN state = 'failed' THEN coalesce(error, 'no reason is known') END AS error
    FROM unnest(cast(:actions AS text[])) AS wanted (action),
    LATERAL (SELECT state, error FROM request
             WHERE request.action = wanted.action AND state IN ('completed', 'failed')
             ORDER BY id DESC LIMIT 1) AS newest
""")
# A request that was put off waits from then on.
_QUEUE = text("""
    SELECT count(*) AS waiting,
           coalesce(extract(epoch FROM now() - min(coalesce(not_before, created_at))), 0)::float
               AS waiting_seconds
    FROM (SELECT created_at, not_before FROM request
          WHERE state = 'queued' AND (not_before IS NULL OR not_before <= now())
          ORDER BY id LIMIT 1000) AS queued
""")
_PARTS = text("""
    SELECT kind, name, restarted_at, details,
           heard_at >= now() - make_interval(secs => :away) AS is_heard
    FROM ops_part
""")
# Of those that walked every leg: one that somebody asked for a leg of says nothing of the others.
_CANARY = text("""
    SELECT coalesce(canary.finished_at, part.started_at) AS heard_at,
           nullif(coalesce(canary.result ->> 'error', canary.error), '') AS error,
           coalesce(canary.result ->> 'state' = 'unknown', false) AS is_of_outside
    FROM (SELECT min(started_at) AS started_at FROM ops_part) AS part
    LEFT JOIN (SELECT finished_at, result, error FROM request
               WHERE action = 'run_canary' AND state IN ('completed', 'failed')
                 AND parameters -> 'legs' = '[]'
               ORDER BY id DESC LIMIT 1) AS canary ON true
""")


def observe(session: Session, at: datetime, *, expects_canary: bool = True) -> Observed:
    """What alarms are judged by, as it is now.

    Args:
        session: The database.
        at: Now.
        expects_canary: Whether a canary goes by the clock.
    """
    parts = [dict(row) for row in session.execute(_PARTS, {"away": AWAY_SECONDS}).mappings()]
    queue = session.execute(_QUEUE).mappings().one()
    sweeps = [*session.execute(_CAMPAIGNS).mappings()]
    sweeps += session.execute(_SWEEPS, {"actions": list(_SCHEDULED)}).mappings()
    said = [each for each in parts if each["kind"] == "worker" and each["is_heard"]]
    return Observed(
        at=at,
        tasks=[TaskInputs(**row) for row in session.execute(_TASKS).mappings()],
        sweeps=[Sweep(**row) for row in sweeps],
        credentials=_credentials(said) if said else None,
        parts=[PartStart(**_of(each, "kind", "name", "restarted_at")) for each in parts],
        canary=_canary(session, is_expected=expects_canary),
        **queue,
    )


def _canary(session: Session, *, is_expected: bool) -> Canary | None:
    row = session.execute(_CANARY).mappings().one()
    return None if row["heard_at"] is None else Canary(**row, is_expected=is_expected)


def credentials(session: Session) -> list[Credential] | None:
    """The credentials of the ops side; None: no worker is heard that could say it."""
    parts = session.execute(_PARTS, {"away": AWAY_SECONDS}).mappings()
    said = [dict(each) for each in parts if each["kind"] == "worker" and each["is_heard"]]
    return _credentials(said) if said else None


def _credentials(workers: list[dict[str, Any]]) -> list[Credential]:
    """The credentials that workers name; where two name one, the worse word counts."""
    found: dict[str, Credential] = {}
    for worker in workers:
        for each in _said(worker["details"]):
            known = found.get(each.kind)
            if known is None or _badness(each) > _badness(known):
                found[each.kind] = each
    return list(found.values())


def _badness(credential: Credential) -> tuple[bool, float]:
    """How bad it is: a problem before an end, and an early end before a late one or none."""
    until = credential.not_after
    expires = until is not None and not credential.is_renewed
    moment = until.timestamp() if expires and until is not None else math.inf
    return credential.problem is not None, -moment


def _said(details: Mapping[str, Any]) -> Iterator[Credential]:
    for row in details.get("credentials") or ():
        with suppress(KeyError, TypeError, ValueError):  # of a worker of another version
            until = row["not_after"]
            yield Credential(
                kind=str(row["kind"]),
                not_after=None if until is None else datetime.fromisoformat(until),
                problem=row["problem"],
                is_renewed=bool(row["is_renewed"]),
            )


def _of(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


# ------------------------------------------------------------------ episodes


def open_episodes(session: Session) -> list[AlarmEpisode]:
    """The alarms that are not over."""
    return list(session.scalars(select(AlarmEpisode).where(AlarmEpisode.ended_at.is_(None))))


def of_rules(session: Session, rule_ids: Collection[object]) -> list[AlarmEpisode]:
    """The alarms of these rules, over or not, the newest last; what is no number names no rule."""
    numbers = {each for each in rule_ids if isinstance(each, int) and abs(each) < _LARGEST}
    if not numbers:
        return []
    wanted = select(AlarmEpisode).where(among(AlarmEpisode.rule_id, numbers))
    return list(session.scalars(wanted.order_by(AlarmEpisode.id)))


def begin(session: Session, **columns: Any) -> AlarmEpisode | None:
    """Note that an alarm has begun; None where it has already."""
    new = pg_insert(AlarmEpisode).values(columns).on_conflict_do_nothing().returning(AlarmEpisode)
    return session.scalar(new)
