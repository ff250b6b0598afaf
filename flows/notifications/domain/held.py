"""What it means that a watch holds as the database stands, where no event says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from flows.notifications.domain import ends, pages, task_ends
from flows.notifications.domain.ends import RequestFacts
from flows.notifications.domain.happenings import Fact, Happening
from flows.notifications.domain.task_ends import TaskFacts
from flows.notifications.domain.words import Outcome, SubjectKind, WatchFor, What

_TEXTS: Final = {
    WatchFor.SUBMITTED: "is submitted",
    WatchFor.COMPLETE: "is complete",
    WatchFor.FAILED: "has failed",
    WatchFor.ARRIVED: "has arrived",
    WatchFor.ENDED: "has ended",
}
_PAGES: Final = {
    SubjectKind.TASK: pages.task,
    SubjectKind.DATASET: pages.did,
    SubjectKind.CAMPAIGN: pages.campaign,
    SubjectKind.PATH: pages.path,
}


def of_request(request: RequestFacts, at: datetime) -> Happening:
    """What it means that a request has ended, for who asks at that moment."""
    ended = ends.of_request(request, request.state, request.finished_at or at)
    return replace(ended, key=f"{ended.key}:{at.timestamp()}")


def of_task(task: TaskFacts, watch_for: WatchFor, at: datetime) -> Happening:
    """What it means how a task stands, for who asks at that moment."""
    if watch_for is not WatchFor.SUBMITTED:
        ended = task_ends.of_task_end(task)
        return replace(ended, key=f"{ended.key}:{at.timestamp()}")
    held = of_subject((SubjectKind.TASK, task.name, watch_for), at)
    links = tuple(task_ends.links_of(task))
    return replace(held, owner=task.owner, campaign=task.campaign, links=links)


def of_subject(fact: Fact, at: datetime) -> Happening:
    """What it means that something has arrived, or is complete, at that moment."""
    kind, subject, watch_for = fact
    outcome = Outcome.FAILED if watch_for is WatchFor.FAILED else Outcome.COMPLETED
    page = _PAGES.get(kind)
    return Happening(
        key=f"{kind}:{subject}:{watch_for}:{at.timestamp()}",
        names=((What.EVENT, kind),),
        outcome=outcome,
        at=at,
        text=_TEXTS[watch_for],
        subject=subject,
        campaign=subject if kind is SubjectKind.CAMPAIGN else "",
        links=() if page is None else (page(subject),),
    )
