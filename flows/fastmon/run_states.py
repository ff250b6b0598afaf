"""The states of data-taking runs, as the lifecycle messages advance them.

Source: fastmon contract section 1.10, item 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from flows.fastmon import repository
from flows.fastmon.models import RunPhase
from flows.fastmon.repository import RunChange
from flows.fastmon.schemas import Lifecycle, Message

_END: Final = "end_run"
_EXPECTED: Final = "run_imminent"


def advance(session: Session, messages: Iterable[Message], at: datetime) -> None:
    """Advance the states of the runs that `messages` are of, in their order.

    A run that has ended stays ended, whatever still comes of it.
    """
    changes = fold(messages)
    if changes:
        repository.advance_runs(session, changes, at)


def fold(messages: Iterable[Message]) -> list[RunChange]:
    """What the messages change of each run, taken together; ordered by the run's number. Pure."""
    changes: dict[int, RunChange] = {}
    for message in messages:
        if isinstance(message, Lifecycle) and (number := message.run_number) is not None:
            change = changes.get(number, RunChange(run_number=number))
            changes[number] = _after(change, message)
    return [changes[number] for number in sorted(changes)]


def _after(change: RunChange, message: Lifecycle) -> RunChange:
    """The change, and then what the message changes."""
    change = replace(change, execution_id=change.execution_id or message.execution_id)
    if change.phase is RunPhase.COMPLETED:
        return change
    if message.msg_type == _END:
        return replace(change, phase=RunPhase.COMPLETED, state="ended", substate=None)
    return replace(
        change,
        phase=change.phase if message.msg_type == _EXPECTED else RunPhase.PHYSICS,
        state=message.state or change.state,
        substate=message.substate or change.substate,
    )
