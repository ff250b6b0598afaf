"""What PanDA shows of recorded tasks that an operator must know, and PCS cannot hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from blocks.panda_server import PandaTask
from blocks.panda_server.tasks import ABORTING, ENDED
from flows.submission.domain import identity
from flows.submission.domain.identity import Here, Recorded
from flows.submission.domain.remarks import Remark
from flows.submission.models import RemarkKind

_EXHAUSTED: Final = "exhausted"  # it waits for an operator


@dataclass(frozen=True)
class Look:
    """What a sync saw.

    Attributes:
        tasks: Tasks at PanDA.
        absent: Numbers of which it shows nothing.
        untold: Numbers that it does not tell, each with the reason.
    """

    tasks: Sequence[PandaTask]
    absent: Collection[int] = field(default_factory=frozenset)
    untold: Mapping[int, str] = field(default_factory=dict)


def remarks(
    records: Sequence[Recorded],
    look: Look,
    here: Here,
    *,
    retried: Collection[int] = (),
) -> list[Remark]:
    """What is to be said of the recorded tasks.

    Args:
        records: The numbers that PCS has.
        look: What PanDA shows.
        here: Which PanDA that is, and who we are there.
        retried: Numbers that we asked PanDA to run again.
    """
    seen = {each.id: each for each in look.tasks}
    found: list[Remark] = []
    for record in records:
        task = seen.get(record.jedi_task_id)
        mismatch = _mismatch(record, task, look, here)
        if mismatch is not None:
            found.append(mismatch)
        elif task is not None:
            found += _of_ours(record, task, here, retried)
    return [*found, *_namesakes(records, look.tasks)]


def not_ours(found: Collection[Remark]) -> set[int]:
    """The numbers of which nothing is taken over, and to which nothing is done."""
    return {each.jedi_task_id for each in found if each.kind is RemarkKind.FOREIGN}


def is_over(
    remark: Remark, current: Collection[Remark], look: Look, numbers: Collection[int]
) -> bool:
    """Whether a remark that was kept holds no longer.

    Args:
        remark: What was kept.
        current: What is to be said now.
        look: What PanDA shows.
        numbers: All numbers that PCS has.
    """
    number, kind = remark.jedi_task_id, remark.kind
    if kind is RemarkKind.SET_ASIDE:  # known once the news are recorded
        return False
    if any(each.kind == kind and each.jedi_task_id == number for each in current):
        return False
    if (kind is RemarkKind.NAMESAKE) is (number in numbers):
        return True  # it was recorded since, or is recorded no longer
    task = next((each for each in look.tasks if each.id == number), None)
    if kind is RemarkKind.RUN_AGAIN:  # seen once, as it begins
        return task is not None and not task.is_live
    return task is not None or number in look.absent


def _mismatch(record: Recorded, task: PandaTask | None, look: Look, here: Here) -> Remark | None:
    if task is not None:
        text = identity.foreign(record, task, here)
    else:
        text = identity.elsewhere(record, here)
    if text is not None:
        return _remark(RemarkKind.FOREIGN, record, text)
    if record.jedi_task_id in look.absent:
        return _remark(RemarkKind.ABSENT, record, identity.absent(record, here))
    if reason := look.untold.get(record.jedi_task_id):
        text = f"{here.server} does not tell what {record.jedi_task_id} is: {reason}"
        return _remark(RemarkKind.UNTOLD, record, text)
    return None


def _of_ours(
    record: Recorded, task: PandaTask, here: Here, retried: Collection[int]
) -> Iterator[Remark]:
    if text := identity.of_another_user(record, task, here):
        yield _remark(RemarkKind.OTHER_USER, record, text)
    is_run_again = record.status in ENDED and task.is_live and task.status != _EXHAUSTED
    if is_run_again and task.id not in retried:
        text = f"PanDA runs {task.id} again: it was {record.status}, and is {task.status}"
        yield _remark(RemarkKind.RUN_AGAIN, record, text)


def _namesakes(records: Sequence[Recorded], seen: Sequence[PandaTask]) -> Iterator[Remark]:
    """Other tasks of a name that has its number: the number stays, and they are named."""
    numbers = {record.jedi_task_id for record in records}
    by_name = {record.name: record for record in records if not record.is_any_try}
    for each in seen:
        record = by_name.get(each.name or "")
        if record is None or each.id in numbers or each.status in ABORTING:
            continue
        made = f", made at {each.created_at:%Y-%m-%d %H:%M:%S} UTC" if each.created_at else ""
        text = (
            f"PanDA has another task of the name {record.name}: {each.id} ({each.status}{made}, of "
            f"{each.user_name or 'nobody'}); {record.jedi_task_id} stays recorded"
        )
        yield Remark(RemarkKind.NAMESAKE, record.task_name, record.name, each.id, text)


def _remark(kind: RemarkKind, record: Recorded, text: str) -> Remark:
    return Remark(kind, record.task_name, record.name, record.jedi_task_id, text)
