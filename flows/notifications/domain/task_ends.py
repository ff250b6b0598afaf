"""What it means how a production task stands, as PCS has it from PanDA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows.notifications.domain import pages
from flows.notifications.domain.happenings import Happening, Link
from flows.notifications.domain.words import Outcome, SubjectKind, WatchFor, What

EVENT: Final = "prodtask_changed"
"""The event by which rules name it; of other changes nobody is told."""
_FAILED: Final = "failed"


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """A production task, and the attempt at PanDA that it points to.

    Attributes:
        panda_status: The attempt's state at PanDA; empty: none is known.
        at: When that was recorded.
        changed_at: When the task itself last changed, such as to its status.
        inputs_failed: How many of its inputs have failed for good, where PanDA says it.
    """

    name: str
    status: str
    owner: str
    campaign: str
    jedi_task_id: int | None
    panda_status: str
    at: datetime
    changed_at: datetime
    inputs: int | None = None
    inputs_failed: int | None = None


def of_task_end(task: TaskFacts) -> Happening:
    """What it means that a task is completed or failed; the same end is one thing."""
    failed = task.status == _FAILED
    outcome = Outcome.FAILED if failed else Outcome.COMPLETED
    told = WatchFor.FAILED if failed else WatchFor.COMPLETE
    return Happening(
        key=f"task:{task.name}:{task.jedi_task_id}:{outcome}:{task.changed_at.timestamp()}",
        names=((What.EVENT, EVENT),),
        outcome=outcome,
        at=task.at,
        text="has failed" if failed else "is complete",
        subject=task.name,
        owner=task.owner,
        campaign=task.campaign,
        reason="; ".join(_seen(task)),
        links=tuple(links_of(task)),
        facts=frozenset((SubjectKind.TASK, task.name, each) for each in (told, WatchFor.ENDED)),
    )


def links_of(task: TaskFacts) -> Iterator[Link]:
    """The pages about a task."""
    yield pages.task(task.name)
    if task.campaign:
        yield pages.campaign(task.campaign)


def _seen(task: TaskFacts) -> Iterator[str]:
    if task.panda_status:
        yield f"PanDA says that it is {task.panda_status}"
    if task.inputs_failed:
        yield f"{task.inputs_failed} of its {task.inputs or '?'} inputs have failed for good"
