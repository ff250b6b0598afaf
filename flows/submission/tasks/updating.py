"""What brings PCS up to date with PanDA: states of submitted tasks, and tasks that PCS lost.

Each piece of news is on its own: one that cannot be recorded is set aside with its reason, is said
on its task's page, and keeps none of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.panda_server import PandaTask, TokenRefused
from flows.common import run
from flows.common.claims import ClaimLost
from flows.common.flow import task
from flows.common.run import Announce
from flows.submission import messages
from flows.submission.domain import identity
from flows.submission.domain.identity import Origin, Recorded
from flows.submission.domain.remarks import Remark
from flows.submission.domain.states import News, StatusNews, Succession
from flows.submission.models import RemarkKind
from flows.submission.repository import resolutions, syncs
from flows.submission.tasks import associating, common


class NotTheSurvivor(ProdOpsError):
    """PanDA names a task as the one that another duplicates, and it is not ours."""


def record_each(items: Sequence[News]) -> Counter[str]:
    """Record the news at PCS, and note what was set aside.

    Returns:
        Numbers by kind; `refused`: set aside.

    Raises:
        OutsideUnavailable, TokenRefused: PanDA or PCS does nothing for us now, whatever the task.
        ClaimLost: The sync is not ours any more.
    """
    numbers, aside = Counter[str](), list[Remark]()
    for item in items:
        try:
            numbers[record(item)] += 1
        except (OutsideUnavailable, TokenRefused, ClaimLost):
            raise
        except Exception as error:  # noqa: BLE001 - one task of many: it is set aside and said
            numbers["refused"] += 1
            aside.append(_set_aside(item, error))
    note_set_aside(aside)
    return numbers


@task("record at PCS")
def record(item: News) -> str:
    """Record one piece of news at PCS; gives its kind."""
    if isinstance(item, StatusNews):
        return _record_status(item)
    if isinstance(item, Succession):
        return _record_survivor(item)
    return associating.associate(item)


@task("note what was set aside")
def note_set_aside(aside: Sequence[Remark]) -> None:
    """Keep and announce it once; what was set aside before and is not now is cleared."""
    present = run.current()
    numbers = {each.jedi_task_id for each in aside}

    def is_over(remark: Remark) -> bool:
        return remark.kind is RemarkKind.SET_ASIDE and remark.jedi_task_id not in numbers

    def note(session: Session, announce: Announce) -> None:
        syncs.clear_remarks(session, is_over)
        for remark in syncs.note_remarks(session, aside):
            announce(messages.remarked(remark, present.claim))

    present.write(note)


def _set_aside(item: News, error: Exception) -> Remark:
    number, reason = item.jedi_task_id, common.reason_of(error)
    text = f"what PanDA shows of {number} could not be recorded: {reason}"
    return Remark(RemarkKind.SET_ASIDE, item.task.name, item.panda_name, number, text)


def _record_status(item: StatusNews) -> str:
    common.pcs().record_status(
        item.task.name,
        item.jedi_task_id,
        item.status,
        owner=item.task.created_by,
        inputs=item.inputs,
        inputs_failed=item.inputs_failed,
    )
    return "states"


def _record_survivor(item: Succession) -> str:
    """Let the task that PanDA kept take its duplicate's place, where it is the same one's.

    Raises:
        NotTheSurvivor: It is not, or PanDA has none.
    """
    origin = run.current().read(lambda session: _origin_of(session, item))
    _check_survivor(item, common.panda().find(item.survivor_id), origin)
    common.pcs().record_submission(
        item.task.name,
        item.survivor_id,
        panda_tasks_id=item.attempt.id or None,
        panda_task_name=item.panda_name,
        owner=item.task.created_by,
        replaces=item.jedi_task_id,
    )
    return "successions"


def _origin_of(session: Session, item: Succession) -> Origin:
    """Where the duplicate is from, and whose it is: as it was submitted, else as PanDA shows it."""
    known = resolutions.origins(session, [item.jedi_task_id])
    origin = known.get((item.panda_name, item.jedi_task_id), Origin())
    return Origin(origin.user or item.user_name, origin.server)


def _check_survivor(item: Succession, survivor: PandaTask | None, origin: Origin) -> None:
    is_any_try = item.attempt.id == 0  # PCS keeps no attempts
    wanted = Recorded(
        item.task.name, item.panda_name, item.survivor_id, origin=origin, is_any_try=is_any_try
    )
    said = f"PanDA says that it duplicates {item.survivor_id}"
    if survivor is None:
        raise NotTheSurvivor(f"{said}, and knows no such task")
    if survivor.name is None or identity.foreign(wanted, survivor, common.here()) is not None:
        whose = f" of {origin.user}" if origin.user else ""
        raise NotTheSurvivor(
            f"{said}, which is {survivor.name or 'a task without a name'} of "
            f"{survivor.user_name or 'nobody'}, and not {item.panda_name}{whose}"
        )
