"""What brings PCS up to date with PanDA: states of submitted tasks, and tasks that PCS lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prefect import get_run_logger

from blocks.panda_server import PandaTask
from blocks.pcs_service import PcsRefused, ProdTask
from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.submission import repository
from flows.submission.domain.states import News, StatusNews, Succession, unsettled
from flows.submission.tasks import common

_OVERLAP: Final = timedelta(minutes=15)
_FIRST: Final = timedelta(days=30)
_AT_ONCE: Final = 2000
_SINGLY: Final = 200


@task("read the tasks at PCS")
def read_tasks() -> list[ProdTask]:
    """The production tasks, with their attempts."""
    return common.pcs().tasks()


@task("read what is being submitted")
def names_in_work() -> set[str]:
    """The names at PanDA that a submission is still working on."""
    return run.current().read(repository.open_names)


@task("find the last sync")
def last_sync() -> datetime | None:
    """When the last sync that came through began."""
    return run.current().read(repository.last_sync)


@task("ask PanDA for the states")
def ask_panda(tasks: Sequence[ProdTask], since: datetime | None) -> list[PandaTask]:
    """The tasks that changed since the last sync; one that the answer left out is asked for."""
    panda, user_name = common.panda(), common.user_name()
    begin = since - _OVERLAP if since is not None else now() - _FIRST
    seen = panda.modified_since(begin, user_name=user_name, limit=_AT_ONCE)
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
        found = panda.task(id_, user_name=user_name)
        seen.extend([found] if found is not None else [])
    return seen


@task("record at PCS")
def record(item: News) -> str:
    """Record one piece of news at PCS; gives its kind, or `refused`."""
    pcs = common.pcs()
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
