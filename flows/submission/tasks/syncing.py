"""What a sync sees: the tasks of PCS, what PanDA shows of them, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prefect import get_run_logger
from sqlalchemy.orm import Session

from blocks.errors import OutsideUnavailable
from blocks.panda_server import PandaTask, TokenRefused
from blocks.pcs_service import ProdTask
from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.common.run import Announce
from flows.submission import messages
from flows.submission.domain import comparison, identity
from flows.submission.domain.comparison import Look
from flows.submission.domain.identity import Recorded
from flows.submission.domain.remarks import Remark
from flows.submission.domain.states import in_turn, unsettled
from flows.submission.repository import attempts, operations, resolutions, syncs
from flows.submission.tasks import common

_OVERLAP: Final = timedelta(minutes=15)
_FIRST: Final = timedelta(days=30)
_AT_ONCE: Final = 2000
_SINGLY: Final = 200
_TURN_SECONDS: Final = 300


@task("read the tasks at PCS")
def read_tasks() -> list[ProdTask]:
    """The production tasks, with their attempts; one that cannot be read is left out, and said."""
    found = common.pcs().tasks()
    for name, problem in common.pcs().unreadable.items():
        get_run_logger().error("%s is left out: %s", name, problem)
    return found


@task("read what is being submitted")
def names_in_work() -> set[str]:
    """The names at PanDA that a submission is still working on, or that an operator settles."""
    return run.current().read(attempts.open_names)


@task("find the last sync")
def last_sync() -> datetime | None:
    """When the last sync that came through began."""
    return run.current().read(syncs.last_sync)


@task("ask PanDA for the states")
def ask_panda(tasks: Sequence[ProdTask], since: datetime | None) -> Look:
    """Our user's tasks that changed since the last sync; a known id that is not there, by its id.

    PanDA lists the tasks of one user: who else submitted a task, and who has our number now, shows
    only where the number itself is asked for.
    """
    panda, user_name = common.panda(), common.user_name()
    begin = since - _OVERLAP if since is not None else now() - _FIRST
    seen = panda.modified_since(begin, user_name=user_name, limit=_AT_ONCE)
    shown = {each.id for each in seen}
    left_out = [id_ for id_, _ in unsettled(tasks) if id_ not in shown]
    turn = int(now().timestamp() // _TURN_SECONDS)
    asked = in_turn(left_out, _SINGLY, turn)
    if len(asked) < len(left_out):
        get_run_logger().warning("%d tasks wait for their turn", len(left_out) - len(asked))
    found, untold = _asked_singly(asked)
    absent = {id_ for id_, each in found.items() if each is None}
    return Look([*seen, *(each for each in found.values() if each is not None)], absent, untold)


def _asked_singly(numbers: Sequence[int]) -> tuple[dict[int, PandaTask | None], dict[int, str]]:
    """The task of each number, None where there is none; and why PanDA does not tell the others."""
    found: dict[int, PandaTask | None] = {}
    untold: dict[int, str] = {}
    for number in numbers:
        try:
            found[number] = common.panda().find(number)
        except (OutsideUnavailable, TokenRefused):
            raise
        except Exception as error:  # noqa: BLE001 - one number of many: it is said, and asked again
            untold[number] = common.reason_of(error)
    return found, untold


@task("compare with what is recorded")
def compare(tasks: Sequence[ProdTask], look: Look) -> list[Remark]:
    """What PanDA shows that does not fit what is recorded, noted and announced once.

    Returns:
        All of it, also what was said before.
    """
    present = run.current()
    records = present.read(lambda session: _recorded(session, tasks))
    retried = present.read(lambda session: operations.retried(session, _changed_at(tasks)))
    current = comparison.remarks(records, look, common.here(), retried=retried)
    numbers = {record.jedi_task_id for record in records}

    def note(session: Session, announce: Announce) -> None:
        syncs.clear_remarks(session, lambda each: comparison.is_over(each, current, look, numbers))
        for remark in syncs.note_remarks(session, current):
            announce(messages.remarked(remark, present.claim))

    present.write(note)
    return current


def _recorded(session: Session, tasks: Sequence[ProdTask]) -> list[Recorded]:
    """The numbers that PCS has, with where the ops side had them from."""
    records = [record for each in tasks for record in identity.recorded(each)]
    origins = resolutions.origins(session, [record.jedi_task_id for record in records])
    return [record.of(origins.get((record.name, record.jedi_task_id))) for record in records]


def _changed_at(tasks: Sequence[ProdTask]) -> dict[int, datetime | None]:
    """When PCS last learned something of each number."""
    return {
        each.jedi_task_id: each.updated_at
        for task in tasks
        for each in task.panda_tasks
        if each.jedi_task_id is not None
    }
