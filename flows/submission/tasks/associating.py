"""A task that a sync finds at PanDA by its name: noted, given to PCS, announced.

It is noted before PCS is told, so that a run that is lost in between is not silent: the next sync
announces what PCS has by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prefect import get_run_logger
from sqlalchemy.orm import Session

from blocks.pcs_service import PcsRefused, ProdTask
from flows.common import run
from flows.common.flow import task
from flows.common.run import Announce
from flows.submission import messages
from flows.submission.domain import adoption, command
from flows.submission.domain.command import CommandRefused
from flows.submission.domain.remarks import Remark
from flows.submission.domain.states import UnrecordedTask
from flows.submission.models import RemarkKind
from flows.submission.repository import syncs
from flows.submission.tasks import common

_FOUND: Final = "a sync found it at PanDA by its name; prodops did not submit it"


def associate(item: UnrecordedTask) -> str:
    """Give PCS the task, and announce it.

    Raises:
        PcsRefused: PCS has another id there, or this one elsewhere.
    """
    text = "; ".join([_FOUND, *_differences(item)])
    remark = Remark(RemarkKind.ASSOCIATED, item.task.name, item.panda_name, item.jedi_task_id, text)
    run.current().write(lambda session, _: syncs.intend(session, remark))
    try:
        name = common.pcs().associate(item.panda_name, item.jedi_task_id, item.status, remark=text)
    except PcsRefused:
        _conclude(remark, is_recorded=False)
        raise
    _conclude(remark, is_recorded=name is not None)
    return "associated" if name is not None else "unassociated"


@task("announce what an earlier sync associated")
def announce_left(tasks: Sequence[ProdTask]) -> None:
    """Announce associations of a sync that was lost, where PCS has them."""
    recorded = {(each.task_name, each.jedi_task_id) for task in tasks for each in task.panda_tasks}
    for remark in run.current().read(syncs.intended):
        key = (remark.panda_name, remark.jedi_task_id)
        _conclude(remark, is_recorded=key in recorded)


def _conclude(remark: Remark, *, is_recorded: bool) -> None:
    """Announce the association, or forget it where PCS does not have it."""
    claim = run.current().claim

    def conclude(session: Session, announce: Announce) -> None:
        if is_recorded:
            syncs.announced(session, remark)
            announce(messages.associated(remark, claim))
        else:
            syncs.forget(session, remark)

    run.current().write(conclude)


def _differences(item: UnrecordedTask) -> list[str]:
    """In what the task differs from what PCS would submit; empty where PCS composes nothing."""
    attempts = item.task.panda_tasks
    key = next((each.id for each in attempts if each.task_name == item.panda_name), None)
    try:
        ours = command.parse(common.pcs().command(item.task.name, panda_tasks_id=key))
    except (CommandRefused, PcsRefused) as refusal:
        get_run_logger().warning("%s is compared with nothing: %s", item.panda_name, refusal)
        return []
    return adoption.differences(ours.arguments, common.panda().parameters(item.jedi_task_id))
