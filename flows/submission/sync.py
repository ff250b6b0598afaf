"""Bringing PCS up to date with PanDA: states of submitted tasks, and tasks that PCS lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from prefect import flow, get_run_logger
from sqlalchemy import select

from blocks.panda_server import PandaTask
from blocks.pcs_service import PcsRefused, ProdTask
from flows.common import requests
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.common.steps import step
from flows.submission.models import OPEN_ATTEMPTS, SubmissionAttempt
from flows.submission.states import News, StatusNews, Succession, news, unsettled
from flows.submission.workplace import opened, workplace

_OVERLAP: Final = timedelta(minutes=15)
_FIRST: Final = timedelta(days=30)
_AT_ONCE: Final = 2000
_SINGLY: Final = 200


@flow(name="sync-task-states", persist_result=False)
def sync_task_states() -> dict[str, Any]:
    """Ask PanDA for the states of submitted tasks, and bring PCS up to date.

    Returns:
        Numbers: asked, seen, recorded by kind, refused.
    """
    with opened() as place:
        if place.settings.panda.url_ssl is None:
            return _complete({"skipped": "no PanDA server is set (PANDA_URL_SSL)"})
        tasks = read_tasks()
        in_work = names_in_work()
        seen = ask_panda(tasks, last_sync())
        told = Counter(record(each) for each in news(tasks, seen, in_work=in_work))
        return _complete({"asked": len(unsettled(tasks)), "seen": len(seen), **told})


@step("read the tasks at PCS")
def read_tasks() -> list[ProdTask]:
    """The production tasks, with their attempts."""
    return workplace().pcs.tasks()


@step("read what is being submitted")
def names_in_work() -> set[str]:
    """The names at PanDA that a submission is still working on."""
    with transaction(workplace().engine) as session:
        open_attempts = select(SubmissionAttempt.panda_name).where(
            SubmissionAttempt.state.in_(OPEN_ATTEMPTS)
        )
        return set(session.scalars(open_attempts))


@step("find the last sync")
def last_sync() -> datetime | None:
    """When the last sync that came through began."""
    with transaction(workplace().engine) as session:
        return session.scalar(
            select(Request.claimed_at)
            .where(
                Request.action == "sync_task_states",
                Request.state == RequestState.COMPLETED,
            )
            .order_by(Request.id.desc())
            .limit(1)
        )


@step("ask PanDA for the states")
def ask_panda(tasks: Sequence[ProdTask], since: datetime | None) -> list[PandaTask]:
    """The tasks that changed since the last sync; one that the answer left out is asked for."""
    place = workplace()
    begin = since - _OVERLAP if since is not None else now() - _FIRST
    seen = place.panda.modified_since(begin, user_name=place.user_name, limit=_AT_ONCE)
    shown = {each.id for each in seen}
    is_whole = len(seen) < _AT_ONCE
    left_out = [
        id_
        for id_, status in unsettled(tasks)
        if id_ not in shown and not (is_whole and status and since is not None)
    ]
    if len(left_out) > _SINGLY:
        get_run_logger().warning("%d tasks wait for the next sync", len(left_out) - _SINGLY)
    for id_ in left_out[:_SINGLY]:
        found = place.panda.task(id_, user_name=place.user_name)
        seen.extend([found] if found is not None else [])
    return seen


@step("record at PCS")
def record(item: News) -> str:
    """Tell PCS one thing; gives its kind, or `refused`."""
    pcs = workplace().pcs
    try:
        if isinstance(item, StatusNews):
            pcs.record_status(
                item.task.name, item.jedi_task_id, item.status, owner=item.task.created_by
            )
            return "states"
        if isinstance(item, Succession):
            pcs.record_submission(
                item.task.name,
                item.survivor_id,
                panda_tasks_id=item.attempt.id,
                panda_task_name=item.attempt.task_name,
                owner=item.task.created_by,
                replaces=item.attempt.jedi_task_id,
            )
            return "successions"
        known = pcs.associate(item.panda_name, item.jedi_task_id, item.status)
    except PcsRefused as refusal:
        get_run_logger().error("PCS refuses %s: %s", item, refusal)
        return "refused"
    return "associated" if known is not None else "unassociated"


def _complete(result: dict[str, Any]) -> dict[str, Any]:
    place = workplace()
    with transaction(place.engine) as session:
        requests.finish(session, place.holder, RequestState.COMPLETED, result=result)
    return result
